;@ title: Paging, and a page fault that is handled
;@ title.zh: 分页，以及被处理的缺页异常
;@ about: A write to where no page is raises #PF: CR2 says where, the error code why. The handler maps a page, and iretq tries again.
;@ about.zh: 写到没有页的地方引发 #PF：CR2 说是哪里，错误码说为什么。处理程序映射一页，iretq 之后再试一次。
;@ order: 97
;@ tick: 7
;@ option.mode: long64
;= rbx 600d
;= rcx 1

        org  0x1000
        mov  word [idt + 14 * 16], handler - $$ + 0x1000        ; the gate of vector 14
        mov  word [idt + 14 * 16 + 2], 8                        ; our code segment
        mov  word [idt + 14 * 16 + 4], 0x8e00                   ; present, interrupt gate
        lidt [idtr]
        xor  ecx, ecx

        mov  rdi, 0x40000000    ; 1 GiB: one past what is mapped
        mov  word [rdi], 0x600d ; raises #PF once, then works
        movzx ebx, word [0x30000]       ; the same bytes at their physical address
        hlt

handler:
        add  rsp, 8             ; the error code: 2 = a write, no page there
        inc  ecx
        mov  rax, cr2           ; the address that was missing
        shr  rax, 30            ; its entry in the second table: 1
        and  eax, 511
        mov  qword [0x91000 + rax * 8], 0x20003         ; -> a new page directory at 0x20000
        mov  qword [0x20000], 0x21003                   ; -> a new page table at 0x21000
        mov  qword [0x21000], 0x30003                   ; -> the page at 0x30000
        iretq                   ; the same instruction again

        align 8
idtr:   dw   32 * 16 - 1
        dq   idt
        align 16
idt:    times 32 * 2 dq 0
