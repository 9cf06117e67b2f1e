;@ title: Triple fault: the way to shut down
;@ title.zh: 三重故障：关机的方式
;@ about: An interrupt that nobody can deliver: the CPU gives up, and the hypervisor learns it by an exit.
;@ about.zh: 一个谁也送不到的中断：CPU 放弃了，虚拟机监控程序通过一次退出得知此事。
;@ order: 90
;@ tick: 3
;! triple fault: an exception could not be delivered, nor could the double fault after it

        mov  sp, 0x7000
        lidt [nothing]          ; an interrupt table of no bytes
        int3                    ; vector 3 is not in it

nothing: dw 0
        dd   0
