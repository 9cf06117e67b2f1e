; moves of the towers of Hanoi with five discs, one line each
global _start
section .data
line: db "A -> B", 10
section .text
_start:
    mov edi, 5
    mov esi, 'A'
    mov edx, 'C'
    mov ecx, 'B'
    call hanoi
    mov eax, 60
    xor edi, edi
    syscall
hanoi:
    test edi, edi
    jz .r
    push rdi
    push rsi
    push rdx
    push rcx
    dec edi
    xchg edx, ecx
    call hanoi
    mov rax, [rsp + 16]
    mov [line], al
    mov rax, [rsp + 8]
    mov [line + 5], al
    mov eax, 1
    mov edi, 1
    mov rsi, line
    mov edx, 7
    syscall
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    dec edi
    xchg esi, ecx
    jmp hanoi
.r: ret
