;@ title: A divide error, handled
;@ title.zh: 处理除法错误
;@ about: Dividing by zero does not crash: the CPU looks into the table at address 0 for somebody who knows what to do.
;@ about.zh: 除以零并不会崩溃：CPU 到地址 0 处的表里去找知道该怎么办的人。
;@ order: 60
;@ tick: 9
;> /0 ok
;= bx 0001
;= sp 7000

; In real mode the interrupt vector table lies at address 0: for every vector an offset and a segment.
; Vector 0 is "divide error". This program begins at address 0, so its first two bytes are that vector
; until it is set; by then they have been executed.

        jmp  start
        times 0x400 - ($ - $$) db 0     ; room for all 256 vectors

start:  mov  sp, 0x7000
        mov  word [0], handler          ; vector 0: offset
        mov  word [2], 0                ;           segment
        xor  bx, bx

        mov  ax, 1234
        xor  dx, dx
        xor  cx, cx
        div  cx                         ; 1234 / 0: the CPU pushes FLAGS, CS and IP, and goes to the handler

        mov  si, good                   ; the handler comes back here
        mov  dx, 0xe9
        mov  cx, good.end - good
        rep  outsb                      ; one instruction, six bytes to the port
        hlt

; The IP on the stack is that of the div itself: coming back to it would divide again, for ever.
handler:
        inc  bx
        push bp
        mov  bp, sp
        add  word [bp + 2], 2           ; the div has two bytes: go on after it
        pop  bp
        iret                            ; takes IP, CS and FLAGS back from the stack

good:   db   "/0 ok", 10
.end:
