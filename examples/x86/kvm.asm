;@ title: The smallest virtual machine
;@ title.zh: 最小的虚拟机
;@ about: Code at address 0, out to a port, hlt to end: what a hypervisor of 150 lines can run, exit by exit.
;@ about.zh: 代码从地址 0 开始，用 out 写端口，用 hlt 结束：一个 150 行的虚拟机监控程序就能运行它，每次退出都看得见。
;@ order: 10
;@ tick: 6
;> 4 + 3 = 7
;= ax 0a0a

; A hypervisor gives this program memory and one virtual CPU, and lets it run.
; Nobody watches the CPU until it does one of two things that it cannot do alone:
;   out   talks to a device: the CPU stops, and the host looks at the port and the byte
;   hlt   has nothing left to do: the CPU stops for good

        mov  dx, 0xe9           ; the port: the host prints what is written to it

        mov  al, '4'
        out  dx, al             ; exit 1: KVM_EXIT_IO
        mov  al, ' '
        out  dx, al
        mov  al, '+'
        out  dx, al
        mov  al, ' '
        out  dx, al
        mov  al, '3'
        out  dx, al
        mov  al, ' '
        out  dx, al
        mov  al, '='
        out  dx, al
        mov  al, ' '
        out  dx, al

        mov  al, 4              ; the sum itself is done by the CPU: no exit
        add  al, 3
        add  al, '0'            ; 7 becomes the character '7'
        out  dx, al

        mov  ax, 0x0a0a         ; 0x0a ends a line
        out  dx, al
        hlt                     ; the last exit: KVM_EXIT_HLT
