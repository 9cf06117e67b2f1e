;@ title: A game in a boot sector: snake
;@ title.zh: 引导扇区里的游戏：贪吃蛇
;@ about: Click the screen and steer with the arrow keys. Then stop and go back through the whole game, step by step.
;@ about.zh: 点击屏幕，用方向键操纵。然后停下来，一步一步回看整局游戏。
;@ order: 95
;@ tick: 0
;@ option.mode: boot16
;@ plays: yes

        org  0x7c00
        bits 16
SCREEN  equ  0xb800
COLUMNS equ  80
ROWS    equ  25
BODY    equ  0x8000             ; the snake: screen offsets, the head first, two bytes each

start:  xor  ax, ax
        mov  ds, ax
        mov  ss, ax
        mov  sp, 0x7c00
        mov  ax, SCREEN
        mov  es, ax
        mov  ax, 0x0003         ; text mode: the screen becomes empty
        int  0x10
        mov  ah, 0x01           ; no cursor
        mov  cx, 0x2607
        int  0x10

        mov  ax, 0x0fb1         ; a wall around the field
        xor  di, di
        mov  cx, COLUMNS
        rep  stosw
        mov  cx, ROWS - 2
.sides: mov  [es:di], ax
        mov  [es:di + 158], ax
        add  di, 160
        loop .sides
        mov  cx, COLUMNS
        rep  stosw

        mov  si, BODY           ; three cells long, in the middle, going right
        mov  word [si], 12 * 160 + 80
        mov  word [si + 2], 12 * 160 + 78
        mov  word [si + 4], 12 * 160 + 76
        mov  word [length], 3
        mov  word [way], 2
        call food

frame:  mov  ah, 0x86           ; wait 110 ms: cx:dx microseconds
        mov  cx, 1
        mov  dx, 0xadb0
        int  0x15
        mov  ah, 0x01           ; is there a key?
        int  0x16
        jz   move
        mov  ah, 0x00           ; yes: fetch it, ah = scan code
        int  0x16
        mov  bx, [way]
        cmp  ah, 0x4b
        mov  dx, -2             ; left
        je   turn
        cmp  ah, 0x4d
        mov  dx, 2              ; right
        je   turn
        cmp  ah, 0x48
        mov  dx, -160           ; up
        je   turn
        cmp  ah, 0x50
        mov  dx, 160            ; down
        jne  move
turn:   add  bx, dx             ; straight back into itself: no
        jz   move
        mov  [way], dx

move:   mov  bx, [BODY]
        add  bx, [way]          ; where the head goes
        mov  al, [es:bx]
        cmp  al, ' '
        je   free
        cmp  al, 4              ; a diamond is food
        jne  over
        inc  word [length]      ; it grows: the tail stays where it is
        call food
        jmp  grow
free:   mov  si, [length]       ; the tail's cell becomes empty
        shl  si, 1
        mov  di, [si + BODY - 2]
        mov  word [es:di], 0x0720
grow:   mov  cx, [length]       ; the body moves up by one, from the tail on
        mov  si, cx
        shl  si, 1
        add  si, BODY - 2
.next:  mov  ax, [si - 2]
        mov  [si], ax
        sub  si, 2
        loop .next
        mov  di, [BODY + 2]
        mov  word [es:di], 0x0adb
        mov  [BODY], bx
        mov  word [es:bx], 0x0e02
        jmp  frame

over:   mov  si, text
        mov  di, 12 * 160 + 68
        mov  ah, 0x4f
.show:  lodsb
        test al, al
        jz   .end
        stosw
        jmp  .show
.end:   cli
        hlt

food:   mov  ax, [seed]         ; a random number: x = x * 25173 + 13849
        mov  dx, 25173
        mul  dx
        add  ax, 13849
        mov  [seed], ax
        xor  dx, dx
        mov  cx, COLUMNS * ROWS
        div  cx                 ; dx = one of the cells
        mov  di, dx
        shl  di, 1
        cmp  byte [es:di], ' '  ; only where nothing is
        jne  food
        mov  word [es:di], 0x0d04
        ret

text:   db   " GAME OVER ", 0
seed:   dw   1
length: dw   0
way:    dw   0

        times 510 - ($ - $$) db 0
        dw   0xaa55
