global _start
section .text
_start:
    mov r12d, 1
.loop:
    xor r13d, r13d
    mov eax, r12d
    xor edx, edx
    mov ecx, 3
    div ecx
    test edx, edx
    jnz .five
    mov rsi, fizz
    call four
    inc r13d
.five:
    mov eax, r12d
    xor edx, edx
    mov ecx, 5
    div ecx
    test edx, edx
    jnz .number
    mov rsi, buzz
    call four
    inc r13d
.number:
    test r13d, r13d
    jnz .line
    mov eax, r12d
    mov ecx, 10
    xor edx, edx
    div ecx
    test eax, eax
    jz .ones
    push rdx
    add al, '0'
    call char
    pop rdx
.ones:
    mov eax, edx
    add al, '0'
    call char
.line:
    mov al, 10
    call char
    inc r12d
    cmp r12d, 31
    jb .loop
    mov eax, 60
    xor edi, edi
    syscall
four:
    mov edx, 4
    jmp write
char:
    mov [byte_], al
    mov rsi, byte_
    mov edx, 1
write:
    mov eax, 1
    mov edi, 1
    syscall
    ret
section .data
fizz: db "Fizz"
buzz: db "Buzz"
section .bss
byte_: resb 1
