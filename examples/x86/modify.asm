;@ title: Code that rewrites itself
;@ title.zh: 改写自己的代码
;@ about: Code is bytes like any others: a program may write its own next instruction. The listing gets a new row for it.
;@ about.zh: 代码也是字节：程序可以写出自己的下一条指令。列表会为它多出一行。
;@ order: 70
;@ tick: 4
;> ABAB
;= cx 0000

        mov  cx, 4
again:  mov  al, 'A'
        jmp  spot
spot:   nop                     ; first nop (90), later inc ax (40): look at the byte
        out  0xe9, al
        xor  byte [spot], 0x90 ^ 0x40
        loop again
        mov  al, 10
        out  0xe9, al
        hlt
