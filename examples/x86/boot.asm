;@ title: A boot sector says hello
;@ title.zh: 引导扇区打招呼
;@ about: 512 bytes that end with 55 AA, loaded to 0x7C00. Text goes to the screen through the BIOS, int 10h.
;@ about.zh: 以 55 AA 结尾的 512 字节，装到 0x7C00。文字通过 BIOS 的 int 10h 显示到屏幕上。
;@ order: 90
;@ tick: 0
;@ option.mode: boot16
;> Hello from the boot sector!

        org  0x7c00
start:  xor  ax, ax
        mov  ds, ax
        mov  si, text
next:   lodsb                   ; al = [si], si = si + 1
        test al, al
        jz   done
        mov  ah, 0x0e           ; teletype output
        int  0x10
        jmp  next
done:   cli                     ; nothing shall wake it up
        hlt
text:   db   "Hello from the boot sector!", 13, 10, 0

        times 510 - ($ - $$) db 0
        dw   0xaa55             ; the signature that the BIOS looks for
