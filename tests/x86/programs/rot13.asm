;< Why did the chicken cross the road?
;< Gb trg gb gur bgure fvqr!
global _start
section .data
table:
%assign i 0
%rep 256
%if i >= 'a' && i <= 'z'
    db (i - 'a' + 13) % 26 + 'a'
%elif i >= 'A' && i <= 'Z'
    db (i - 'A' + 13) % 26 + 'A'
%else
    db i
%endif
%assign i i+1
%endrep
section .bss
buffer: resb 128
section .text
_start:
    xor eax, eax
    xor edi, edi
    mov rsi, buffer
    mov edx, 128
    syscall
    test rax, rax
    jle .end
    mov rdx, rax
    mov rbx, table
    mov rcx, rax
    mov rdi, buffer
.each:
    mov al, [rdi]
    xlatb
    stosb
    loop .each
    mov eax, 1
    mov edi, 1
    syscall
    jmp _start
.end:
    mov eax, 60
    xor edi, edi
    syscall
