; reverses a string in place with two pointers
global _start
section .data
text: db "stressed desserts, live"
length equ $ - text
end_: db 10
section .text
_start:
    lea rsi, [text]
    lea rdi, [text + length - 1]
.swap:
    cmp rsi, rdi
    jae .print
    mov al, [rsi]
    xchg al, [rdi]
    mov [rsi], al
    inc rsi
    dec rdi
    jmp .swap
.print:
    mov eax, 1
    mov edi, 1
    mov esi, text
    mov edx, length + 1
    syscall
    mov eax, 60
    mov edi, length
    syscall
