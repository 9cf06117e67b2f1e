;@ title: Reading from the serial port
;@ title.zh: 从串口读入
;@ about: Type a line and end it: the program reads byte after byte, turns small letters into capitals, and stops at the end.
;@ about.zh: 输入一行并结束输入：程序逐个字节读入，把小写变成大写，读完就停。
;@ order: 80
;@ tick: 0
;< hello
;> HELLO

; Reading the receiver register waits until somebody types. The end of the input reads as 0.

COM1    equ  0x3f8
next:   mov  dx, COM1
        in   al, dx             ; waits here
        test al, al
        jz   done
        cmp  al, 'a'
        jb   .send
        cmp  al, 'z'
        ja   .send
        and  al, 0xdf           ; small and capital letters differ in one bit
.send:  out  dx, al
        jmp  next
done:   hlt
