; prints numbers in decimal, negative ones as well
global _start
section .text
_start:
    mov r12, numbers
.next:
    mov rax, [r12]
    call print_number
    add r12, 8
    cmp r12, numbers.end
    jb .next
    mov eax, 60
    xor edi, edi
    syscall
print_number:
    mov rdi, buffer + 31
    mov byte [rdi], 10
    mov rbx, 10
    mov r9, rax
    test rax, rax
    jns .digit
    neg rax
.digit:
    xor edx, edx
    div rbx
    add dl, '0'
    dec rdi
    mov [rdi], dl
    test rax, rax
    jnz .digit
    test r9, r9
    jns .out
    dec rdi
    mov byte [rdi], '-'
.out:
    mov rsi, rdi
    mov rdx, buffer + 32
    sub rdx, rsi
    mov eax, 1
    mov edi, 1
    syscall
    ret
section .data
numbers: dq 0, 7, 42, -1, 1000000007, 0x7fffffffffffffff, -0x7fffffffffffffff
.end:
section .bss
buffer: resb 32
