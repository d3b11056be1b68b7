"""What every kernel compiles to on an H200, found out without one."""
