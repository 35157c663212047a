#!/bin/sh
# Pod networking of test clusters: test equipment, in place of kindnetd, where kind's own cannot be had. On each node it
# writes a CNI configuration (ptp, host-local, portmap) from the node's pod addresses, keeps a route to every other
# node's, and masquerades what leaves the cluster. It enforces no NetworkPolicy.
# Environment: NODE_NAME, API_SERVER (URL), POD_SUBNET (all nodes' pod addresses). Needs the host's network.
set -eu
credentials=/var/run/secrets/kubernetes.io/serviceaccount
configuration=/etc/cni/net.d/10-xmppfed-test-cni.conflist

# A CNI plugin does this too, but only when it makes the first pod.
echo 1 >/proc/sys/net/ipv4/ip_forward

iptables --wait --table nat --new-chain TEST-CNI 2>/dev/null || iptables --wait --table nat --flush TEST-CNI
iptables --wait --table nat --append TEST-CNI --destination "$POD_SUBNET" --jump RETURN
iptables --wait --table nat --append TEST-CNI --destination 224.0.0.0/4 --jump RETURN
iptables --wait --table nat --append TEST-CNI --source "$POD_SUBNET" --jump MASQUERADE
iptables --wait --table nat --check POSTROUTING --jump TEST-CNI 2>/dev/null ||
	iptables --wait --table nat --append POSTROUTING --jump TEST-CNI

configure() {
	cat >"$configuration.new" <<CONFIGURATION
{"cniVersion": "0.4.0", "name": "xmppfed-test-cni", "plugins": [
	{"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state",
		"routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "$1"}]]}},
	{"type": "portmap", "capabilities": {"portMappings": true}}]}
CONFIGURATION
	mv "$configuration.new" "$configuration"
	echo "pods of this node have addresses of $1"
}

while :; do
	kubectl --server="$API_SERVER" --certificate-authority="$credentials/ca.crt" --token="$(cat $credentials/token)" \
		get nodes --watch \
		--output=jsonpath='{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address} {.spec.podCIDR}{"\n"}' |
		while read -r name address subnet; do
			[ -n "$subnet" ] || continue
			if [ "$name" = "$NODE_NAME" ]; then
				[ -e "$configuration" ] || configure "$subnet"
			else
				ip route replace "$subnet" via "$address"
			fi
		done || true
	echo "the watch on nodes ended; starting another"
	sleep 2
done
