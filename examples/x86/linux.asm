;@ title: Hello from ring 3
;@ title.zh: 来自 ring 3 的问候
;@ about: A Linux program as nasm and ld make it. It may touch no device: it asks the kernel with `syscall`, and the exits show what it asked.
;@ about.zh: 一个用 nasm 和 ld 生成的 Linux 程序。它不能碰任何设备，只能用 `syscall` 请求内核；退出列表里看得到它请求了什么。
;@ order: 100
;@ tick: 5
;@ option.mode: user64
;> Hello from ring 3

        global _start

        section .data
text:   db   "Hello from ring 3", 10
length  equ  $ - text

        section .text
_start: mov  eax, 1             ; write
        mov  edi, 1             ; to the standard output
        mov  rsi, text
        mov  edx, length
        syscall                 ; rcx and r11 do not survive it

        mov  eax, 60            ; exit
        xor  edi, edi           ; with status 0
        syscall
