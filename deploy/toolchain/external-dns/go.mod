module xmppfed.dev/toolchain/external-dns

go 1.26.1

tool sigs.k8s.io/external-dns

require sigs.k8s.io/external-dns v0.21.0
