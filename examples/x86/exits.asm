;@ title: Exits: ports, missing memory, the end
;@ title.zh: 退出：端口、不存在的内存与停机
;@ about: The CPU stops and asks the host when it meets a port, memory that is not there, or `hlt`. Look at the list of exits.
;@ about.zh: CPU 遇到端口、不存在的内存或 `hlt` 时会停下来，交给宿主机处理。请看退出列表。
;@ order: 15
;@ tick: 2
;> !abc
;= ax ffff

        mov  al, '!'
        out  0xe9, al           ; a port with a device: it prints

        in   al, 0x99           ; a port without one: all ones

        mov  dx, 0xe9
        mov  si, text
        mov  cx, 4
        rep  outsb              ; one instruction, four bytes

        mov  ax, 0xffff
        mov  ds, ax
        mov  al, [0x10]         ; 0xffff * 16 + 0x10 = 0x100000: there is no memory
        hlt

text:   db   "abc", 10
