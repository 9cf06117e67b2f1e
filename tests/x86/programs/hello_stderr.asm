%define SYS_write 1
%define SYS_exit 60
%macro print 3
    mov rax, SYS_write
    mov rdi, %1
    lea rsi, [rel %2]
    mov rdx, %3
    syscall
%endmacro
section .rodata
out: db "out", 10
.len: equ $ - out
err: db "err", 10
.len: equ $ - err
section .text
global _start
_start:
    print 1, out, out.len
    print 2, err, err.len
    mov rax, SYS_exit
    mov rdi, 3
    syscall
