;@ title: Real mode: segments and the vector table
;@ title.zh: 实模式：段与中断向量表
;@ about: An address is segment times 16 plus offset, and an interrupt finds its way through a table at address 0.
;@ about.zh: 地址等于段值乘 16 加偏移；中断通过地址 0 处的表找到去路。
;@ order: 55
;@ tick: 2
;> X?
;= bx 0001
;= sp 7000

        jmp  start
        times 0x400 - ($ - $$) db 0     ; the vector table: 256 entries of four bytes

start:  mov  sp, 0x7000
        smsw bx                         ; the low half of CR0; bit 0, PE, is 0: real mode

        mov  ax, 0x1000
        mov  ds, ax
        mov  byte [5], 'X'              ; 0x1000 * 16 + 0x0005 = 0x10005

        mov  ax, 0x0fff
        mov  es, ax
        mov  al, [es:0x15]              ; 0x0fff * 16 + 0x0015 = 0x10005 again
        out  0xe9, al

        xor  bx, bx
        mov  ds, bx
        mov  word [0x21 * 4], service   ; vector 0x21: offset
        mov  word [0x21 * 4 + 2], cs    ;              segment
        mov  al, '?'
        int  0x21                       ; pushes FLAGS, CS, IP and goes there
        mov  al, 10
        out  0xe9, al
        hlt

service:
        inc  bx
        out  0xe9, al
        iret
