;@ title: A timer interrupt handler
;@ title.zh: 定时器中断处理程序
;@ about: The 8254 timer interrupts every 1,000 clocks; a handler of our own counts. `hlt` waits for the next interrupt.
;@ about.zh: 8254 定时器每 1000 个时钟中断一次，由自己的处理程序计数。`hlt` 等待下一次中断。
;@ order: 92
;@ tick: 15
;@ option.mode: boot16
;= bx 0005

        org  0x7c00
        cli
        xor  ax, ax
        mov  ds, ax
        mov  word [8 * 4], tick ; vector 8 is the timer's: IRQ 0
        mov  word [8 * 4 + 2], 0
        mov  al, 0x34           ; channel 0, both bytes, mode 2: again and again
        out  0x43, al
        mov  ax, 1000
        out  0x40, al
        mov  al, ah
        out  0x40, al
        sti
wait_:  hlt                     ; the clock jumps to the next interrupt
        cmp  bx, 5
        jb   wait_
        cli
        hlt

tick:   push ax
        inc  bx
        mov  al, 0x20           ; end of interrupt, or no further one comes
        out  0x20, al
        pop  ax
        iret

        times 510 - ($ - $$) db 0
        dw   0xaa55
