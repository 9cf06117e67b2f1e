;@ title: User and kernel: what system calls answer
;@ title.zh: 用户态与内核：系统调用的返回值
;@ about: Memory from brk, a bad address, a call that does not exist, and int 0x80: rax is the answer, negative for an error.
;@ about.zh: 用 brk 要内存、给出坏地址、调用不存在的功能，以及 int 0x80：rax 就是回答，负数表示出错。
;@ order: 101
;@ tick: 3
;@ option.mode: user64
;= r12 fffffffffffffff2
;= r13 ffffffffffffffda
;> ok

        global _start
        section .text

_start: mov  eax, 12            ; brk(0): where does the heap end?
        xor  edi, edi
        syscall
        mov  rbx, rax
        lea  rdi, [rbx + 4096]  ; one page more, please
        mov  eax, 12
        syscall
        mov  dword [rbx], 0x0a6b6f      ; "ok" and a line feed: the page is ours now

        mov  eax, 1             ; write from where nothing is
        mov  edi, 1
        mov  esi, 16
        mov  edx, 3
        syscall
        mov  r12, rax           ; -14: EFAULT

        mov  eax, 57            ; fork: this kernel has one process only
        syscall
        mov  r13, rax           ; -38: ENOSYS

        mov  edx, 3             ; the old door: other numbers, other registers, 32 bits
        mov  ecx, ebx
        mov  ebx, 1
        mov  eax, 4             ; write
        int  0x80
        mov  eax, 1             ; exit
        xor  ebx, ebx
        int  0x80
