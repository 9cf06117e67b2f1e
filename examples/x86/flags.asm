;@ title: A loop and its flags
;@ title.zh: 循环与标志位
;@ about: Every instruction that computes leaves a note in FLAGS; a conditional jump only reads it.
;@ about.zh: 每条运算指令都会在 FLAGS 里留下记号，条件跳转只是去读它。
;@ order: 30
;@ tick: 9
;> 5 4 3 2 1
;= cx 0000
;= bx 8000

        mov  cx, 5
count:  mov  al, cl
        add  al, '0'            ; a digit as a character
        out  0xe9, al
        mov  al, ' '
        cmp  cx, 1              ; cx - 1 is computed only for its flags
        je   last               ; ZF = 1: they were equal
        out  0xe9, al
        dec  cx                 ; sets ZF too, but leaves CF alone
        jnz  count              ; ZF = 0: not yet

last:   mov  al, 10             ; end of line
        out  0xe9, al
        dec  cx

        ; the same 16 bits, read in two ways
        mov  bx, 0x7fff         ; 32767
        add  bx, 1              ; OF: too big for a signed word. SF: it looks negative. CF stays 0
        jno  wrong              ; not taken
        jc   wrong              ; not taken either: as an unsigned word, 32768 is fine
        hlt

wrong:  mov  bx, 0xbad
        hlt
