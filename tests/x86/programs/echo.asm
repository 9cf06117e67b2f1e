;< first line
;< second, a longer one
;< 
;< end
; copies its input to its output, 16 bytes at a time
global _start
section .bss
buffer: resb 16
section .text
_start:
.read:
    xor eax, eax
    xor edi, edi
    mov rsi, buffer
    mov edx, 16
    syscall
    cmp rax, 0
    jl .fail
    je .end
    mov rdx, rax
    mov rsi, buffer
.write:
    mov eax, 1
    mov edi, 1
    syscall
    test rax, rax
    js .fail
    add rsi, rax
    sub rdx, rax
    jnz .write
    jmp .read
.end:
    mov eax, 60
    xor edi, edi
    syscall
.fail:
    mov eax, 60
    mov edi, 1
    syscall
