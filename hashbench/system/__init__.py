"""Access to the machine: files that are whole or absent, the device and the threads that compute."""
