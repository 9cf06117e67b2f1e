;@ title: Writing to the screen's memory
;@ title.zh: 直接写屏幕内存
;@ about: The text screen is memory at 0xB8000: a character, then its colours. A loop fills it without any BIOS call.
;@ about.zh: 文本屏幕就是 0xB8000 处的内存：一个字符，接着是它的颜色。一个循环直接填写，不用 BIOS。
;@ order: 91
;@ tick: 42
;@ option.mode: boot16
;= di 0140

        org  0x7c00
        mov  ax, 0xb800
        mov  es, ax
        xor  di, di
        mov  ax, 0x1041         ; blue behind, black letters, 'A'
        mov  cx, 26
.row:   stosw                   ; es:[di] = ax, di = di + 2
        inc  al                 ; the next letter
        inc  ah                 ; the next colour
        loop .row
        mov  di, 160            ; second row: 80 characters of two bytes are one row
        mov  ax, 0x4fdb         ; a full block in white
        mov  cx, 80
        rep  stosw              ; the same as a loop, in one instruction
        cli
        hlt

        times 510 - ($ - $$) db 0
        dw   0xaa55
