;: 3
; a table of addresses, chosen by the first argument
global _start
section .rodata
table: dq zero, one, two, three
section .text
_start:
    mov rax, [rsp + 16]
    movzx eax, byte [rax]
    and eax, 3
    jmp [table + rax * 8]
zero:  mov edi, 10
    jmp end
one:   mov edi, 11
    jmp end
two:   mov edi, 12
    jmp end
three: mov edi, 13
end:
    mov eax, 60
    syscall
