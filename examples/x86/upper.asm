;@ title: Reading lines in ring 3
;@ title.zh: 在 ring 3 里读入一行行文字
;@ about: `read` waits until a line is typed; the program turns it into capitals and writes it back, until the input ends.
;@ about.zh: `read` 会等到有人输入一行；程序把它变成大写再写出来，直到输入结束。
;@ order: 102
;@ tick: 0
;@ option.mode: user64
;< ring three
;< asks the kernel
;> RING THREE
;> ASKS THE KERNEL

        global _start

        section .bss
line:   resb 64

        section .text
_start: xor  eax, eax           ; read
        xor  edi, edi           ; from the standard input
        mov  rsi, line
        mov  edx, 64
        syscall
        test rax, rax
        jle  .end               ; 0: the input is over

        mov  rdx, rax           ; how many bytes came
        mov  rcx, rax
.next:  mov  al, [rsi + rcx - 1]
        cmp  al, 'a'
        jb   .keep
        cmp  al, 'z'
        ja   .keep
        and  byte [rsi + rcx - 1], 0xdf
.keep:  loop .next

        mov  eax, 1             ; write it back
        mov  edi, 1
        syscall
        jmp  _start

.end:   mov  eax, 60
        xor  edi, edi
        syscall
