"""Sessions in sandboxed processes: a warm zygote forks one for each visitor; the web process relays frames only.

`client` is what the web process uses, `zygote` the warm process, `sandbox` what a worker gives up before it serves,
`settling` what makes forking one cheap, `server` what it then does, `frames` the language between them.
"""
