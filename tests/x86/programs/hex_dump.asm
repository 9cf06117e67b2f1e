; prints 64 bits in hex and in binary with shifts and rotates
global _start
section .data
digits: db "0123456789abcdef"
section .bss
out: resb 82
section .text
_start:
    mov rax, 0x0123456789abcdef
    mov rdi, out
    mov ecx, 16
.hex:
    rol rax, 4
    mov ebx, eax
    and ebx, 15
    mov bl, [digits + rbx]
    mov [rdi], bl
    inc rdi
    loop .hex
    mov byte [rdi], 10
    inc rdi
    mov ecx, 64
.bin:
    shl rax, 1
    mov byte [rdi], '0'
    adc byte [rdi], 0
    inc rdi
    loop .bin
    mov byte [rdi], 10
    mov eax, 1
    mov edi, 1
    mov rsi, out
    mov edx, 82
    syscall
    mov eax, 60
    xor edi, edi
    syscall
