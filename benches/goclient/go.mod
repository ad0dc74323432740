module netpol.example/goclient

go 1.24
