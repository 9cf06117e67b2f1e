; bit tests, scans, rotates through carry, double shifts, byte swaps, BMI
global _start
section .text
_start:
    mov rax, 0x8000000100000010
    bsf rbx, rax            ; 4
    bsr rcx, rax            ; 63
    bts rax, 5
    setc dl                 ; 0
    btr rax, 63
    adc rbx, rcx            ; 4 + 63 + 1
    bswap rax
    lzcnt rsi, rax
    add rbx, rsi
    tzcnt rsi, rax
    add rbx, rsi
    mov edx, 0xf0f0
    shld rdx, rax, 8
    movzx edx, dl
    add rbx, rdx
    blsr rdx, rax
    popcnt rdx, rdx
    add rbx, rdx
    mov edi, ebx
    mov eax, 60
    syscall
