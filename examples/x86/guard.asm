;@ title: Endless recursion meets the guard page
;@ title.zh: 无穷递归撞上保护页
;@ about: Each call takes eight bytes. Below the stack no page is mapped: the write raises #PF, and the program ends with its story.
;@ about.zh: 每次调用占八个字节。栈的下面没有映射任何页：写入时引发 #PF，程序就此结束，经过全在这里。
;@ order: 104
;@ tick: 4
;@ option.mode: user64
;! #PF page fault: `call 0x401007` at 0x401007, writing to 0x7ffffffbeff8, where no page is mapped; Linux would send SIGSEGV

        global _start
        section .text

_start: sub  rsp, 0x3f000       ; most of the 256 KiB, so that it does not take long
down:   call down               ; and nobody ever returns
