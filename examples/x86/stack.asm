;@ title: The stack, call and ret
;@ title.zh: 栈、call 与 ret
;@ about: A call pushes the way back; a function that calls itself shows the stack growing down and shrinking again.
;@ about.zh: call 把返回地址压栈；一个调用自己的函数让我们看到栈向下增长，又收回来。
;@ order: 40
;@ tick: 12
;> 120
;= ax 0000
;= sp 0200

        mov  sp, 0x200          ; the stack begins here and grows towards 0
        mov  ax, 5
        call factorial          ; 5! = 120
        call print
        mov  al, 10
        out  0xe9, al
        xor  ax, ax
        hlt

; ax = ax!
factorial:
        cmp  ax, 1
        jbe  .one
        push ax                 ; keep our number: the call below uses ax for its own
        dec  ax
        call factorial          ; the way back goes on the stack, on top of it
        pop  bx                 ; our number again
        mul  bx
        ret                     ; takes the way back from the stack
.one:   mov  ax, 1
        ret

; print ax in decimal: digits come lowest first, so they wait on the stack
print:  xor  cx, cx
        mov  bx, 10
.split: xor  dx, dx
        div  bx                 ; ax = ax / 10, dx = the digit
        push dx
        inc  cx
        test ax, ax
        jnz  .split
.show:  pop  ax
        add  al, '0'
        out  0xe9, al
        loop .show
        ret
