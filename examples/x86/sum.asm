;@ title: Sum a table, print it in hex
;@ title.zh: 求表格之和并以十六进制打印
;@ about: Six bytes are added with their carries, and the sum goes out through the serial port, digit by digit.
;@ about.zh: 把六个字节连同进位加起来，再把和逐位从串口送出去。
;@ order: 20
;@ tick: 50
;> 030B
;= ax 030b
;= cx 0000

; sum six bytes, print the total in hex, halt
        bits 16
        org  0

start:  mov  sp, 0x0100
        xor  ax, ax
        mov  si, table
        mov  cx, 6
.add:   add  al, [si]           ; when al overflows, the carry flag is set ...
        adc  ah, 0              ; ... and ah takes it
        inc  si
        loop .add               ; cx = cx - 1, and again while it is not 0
        mov  [total], ax
        call puthex
        hlt

puthex: mov  cx, 4              ; four hex digits, the highest first
.dig:   rol  ax, 4              ; the next digit comes down into the low four bits
        push ax
        and  al, 0x0f
        add  al, '0'
        cmp  al, '9'
        jbe  .put
        add  al, 7              ; 'A' comes seven characters after '9' + 1
.put:   mov  dx, 0x3f8          ; the first serial port
        out  dx, al
        pop  ax
        loop .dig
        ret

table:  db 0x40, 0x7f, 0x99, 0xfe, 0x10, 0xa5
total:  dw 0
