;@ title: From real mode to long mode
;@ title.zh: 从实模式到长模式
;@ about: A boot sector goes the whole way by itself: real mode, protected mode, page tables, long mode. Watch CR0, CR4, EFER and cs.
;@ about.zh: 一个引导扇区自己走完全程：实模式、保护模式、页表、长模式。请看 CR0、CR4、EFER 和 cs。
;@ order: 95
;@ tick: 27
;@ option.mode: boot16
;= rax 4c4f4e47

        org  0x7c00
        cli                     ; no interrupts: the vectors of real mode end here
        lgdt [gdtr]             ; where the descriptors are
        mov  eax, cr0
        or   al, 1              ; PE: protection enable
        mov  cr0, eax           ; from here on segments are descriptors; cs still holds the old one
        jmp  0x08:protected     ; loads cs with a 32-bit code segment

        bits 32
protected:
        mov  ax, 0x10
        mov  ds, ax
        mov  es, ax
        mov  ss, ax
        mov  esp, 0x7c00
        mov  dword [0xb8000], 0x1f321f33        ; "32" in the corner
        mov  edi, 0x1000        ; page tables at 0x1000: one entry each in PML4, PDPT and PD
        mov  dword [edi], 0x2003
        mov  dword [edi + 0x1000], 0x3003
        mov  dword [edi + 0x2000], 0x83         ; 2 MiB, mapped to themselves
        mov  cr3, edi
        mov  eax, cr4
        or   al, 0x20           ; PAE: entries of 64 bits
        mov  cr4, eax
        mov  ecx, 0xc0000080    ; EFER
        rdmsr
        or   ah, 1              ; LME: long mode enable
        wrmsr
        mov  eax, cr0
        or   eax, 0x80000000    ; PG: paging, and with it long mode
        mov  cr0, eax
        jmp  0x18:long_         ; loads cs with a 64-bit code segment

        bits 64
long_:  mov  rsp, 0x7c00
        mov  rax, 0x1f341f36
        mov  [0xb8000], rax     ; "64"
        mov  eax, 0x4c4f4e47
        push rax
        pop  rbx
        hlt

        align 8
gdt:    dq   0
        dq   0x00cf9a000000ffff ; 0x08: code, 32 bits, all of memory
        dq   0x00cf92000000ffff ; 0x10: data
        dq   0x00af9a000000ffff ; 0x18: code, 64 bits
gdtr:   dw   gdtr - gdt - 1
        dd   gdt

        times 510 - ($ - $$) db 0
        dw   0xaa55
