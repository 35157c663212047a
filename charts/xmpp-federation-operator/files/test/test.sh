#!/bin/sh
# Runs the two XMPP servers of `helm test`: the internal server of a federation, and a peer. This process becomes the first
# of them, and ends with what mod_xmppfed_test has found out.
set -eu
for server in peer internal; do
	mkdir -p "/tmp/$server"
	case $server in
	peer) domain=$TEST_PEER ;;
	internal) domain=$TEST_DOMAIN ;;
	esac
	# Nobody has to trust it: the two are identified by dialback inside TLS.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 1 -subj /CN=xmppfed-test \
		-addext "subjectAltName=DNS:$domain" -keyout "/tmp/$server/tls.key" -out "/tmp/$server/tls.crt" 2>"/tmp/$server/openssl" ||
		{ cat "/tmp/$server/openssl"; exit 1; }
done
prosody --config /etc/xmppfed-test/peer.cfg.lua -F &
exec prosody --config /etc/xmppfed-test/internal.cfg.lua -F
