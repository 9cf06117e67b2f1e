; the sieve of Eratosthenes: how many primes are below 1000?
global _start
limit equ 1000
section .bss
sieve: resb limit
section .text
_start:
    mov ebx, 2
.next:
    cmp byte [sieve + rbx], 0
    jne .skip
    lea ecx, [ebx * 2]
.mark:
    cmp ecx, limit
    jae .skip
    mov byte [sieve + rcx], 1
    add ecx, ebx
    jmp .mark
.skip:
    inc ebx
    cmp ebx, limit
    jb .next
    xor edi, edi
    mov ecx, 2
.count:
    cmp byte [sieve + rcx], 1
    adc edi, 0
    inc ecx
    cmp ecx, limit
    jb .count
    mov eax, 60
    syscall
