/** Debian packages of the engine that clusters get where the machine has none that can be used. */
export const enginePackages = [
	"podman",
	"netavark",
	"aardvark-dns",
	"catatonit",
	"runc",
	"conmon",
	"iptables",
	"iproute2",
	"util-linux",
] as const;
