"""What mmkd may cost at most, each limit beside what is found on this machine."""
