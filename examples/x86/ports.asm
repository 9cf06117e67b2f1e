;@ title: Ports, claimed and not
;@ title.zh: 有设备的端口与没有设备的端口
;@ about: A port without a device answers with all ones. The serial port has registers, and says when it can take a byte.
;@ about.zh: 没有设备的端口读出来全是 1。串口有寄存器，会告诉你什么时候可以再送一个字节。
;@ order: 50
;@ tick: 2
;> ff
;> 16550 ok
;= bx 00ff

COM1    equ  0x3f8
        mov  sp, 0x7000

        in   al, 0x99           ; nobody is at port 0x99
        mov  bl, al             ; so we read ff
        call hex
        mov  al, 10
        call send

        ; is there a serial port? its scratch register (offset 7) keeps what one writes
        mov  dx, COM1 + 7
        mov  al, 0x5a
        out  dx, al
        in   al, dx
        cmp  al, 0x5a
        jne  done
        mov  si, hello
.next:  lodsb                   ; al = [si], si = si + 1
        test al, al
        jz   done
        call send
        jmp  .next
done:   hlt

; send al, when the line status register (offset 5) says that there is room
send:   mov  ah, al
        mov  dx, COM1 + 5
.wait:  in   al, dx
        test al, 0x20           ; bit 5: the transmitter is empty
        jz   .wait
        mov  al, ah
        mov  dx, COM1
        out  dx, al
        ret

; send al as two hex digits
hex:    push ax
        shr  al, 4
        call .digit
        pop  ax
        and  al, 0x0f
.digit: cmp  al, 10
        sbb  al, 0x69           ; an old trick: with das it turns 0-15 into '0'-'9', 'A'-'F'
        das
        or   al, 0x20           ; small letters
        jmp  send

hello:  db   "16550 ok", 10, 0
