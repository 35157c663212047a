-- TLS of the links, for both ends: the certificate that both show, the authorities that both trust, and what the other
-- side must be. The files change while the process runs: what is made afterwards uses the new ones, links that are up
-- stay as they are.
--
-- Options:
--   xmppfed_link_tls (table)   { directory = with tls.crt, tls.key and ca.crt; name = that every certificate must have }
--
-- Invariants: a link without TLS is never made; TLS 1.3 or later. The chain is verified with ca.crt alone, whatever the
-- system trusts. OpenSSL lets a handshake end with a certificate that does not verify, so that both sides can be told
-- why: nobody may use a connection before `refusal` has said nothing against it.

local lfs = require "lfs";
local load_certificate = require "ssl".loadcertificate;
local new_tls = require "prosody.net.server".tls_builder;
local verify_identity = require "prosody.util.x509".verify_identity;

local check_interval = 2; -- seconds

local settings = module:get_option("xmppfed_link_tls");
local files = {
	certificate = settings.directory.."/tls.crt";
	key = settings.directory.."/tls.key";
	cafile = settings.directory.."/ca.crt";
};

-- Says whether files are the same as before. lfs follows symbolic links, which is what Kubernetes swaps.
local function stamp()
	local parts = {};
	for _, name in ipairs { "certificate", "key", "cafile" } do
		local a = lfs.attributes(files[name]);
		table.insert(parts, a and ("%d %d %d %d"):format(a.ino, a.size, a.modification, a.change) or "none");
	end
	return table.concat(parts, ", ");
end

local function make_context(mode)
	return new_tls():apply({
		mode = mode;
		certificate = files.certificate;
		key = files.key;
		cafile = files.cafile;
		protocol = "tlsv1_3+";
		ciphersuites = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256" };
		verify = { "peer", "fail_if_no_peer_cert" };
		verifyext = { "lsec_continue" };
	}):build();
end

local function read_certificate()
	local file, err = io.open(files.certificate);
	if not file then return nil, err; end
	local certificate = load_certificate(file:read("*a"));
	file:close();
	return certificate;
end

-- mode: "client" or "server". on_change(context) is called with each new context, the first included. Gives a table:
--   context      what new links are made with; nil while there was never a good one
--   certificate  the one in it
--   failure      why the files as they are now cannot be used; nil when they can
local function watch(mode, on_change)
	local state = {};
	local seen;
	local function check()
		local now = stamp(); -- before reading: what changes meanwhile is seen the next time
		if now == seen then return check_interval; end
		local first = seen == nil;
		seen = now;
		local context, err = make_context(mode);
		local certificate = context and read_certificate();
		if not certificate then
			state.failure = ("The link certificate in %s cannot be used: %s"):format(settings.directory, err or "it cannot be read");
			module:log("error", "%s%s", state.failure, state.context and ". The one before is used on" or "");
			return check_interval;
		end
		state.context, state.certificate, state.failure = context, certificate, nil;
		if not first then module:log("info", "New links use a new certificate, valid until %s", certificate:notafter()); end
		if on_change then on_change(context); end
		return check_interval;
	end
	check();
	module:add_timer(check_interval, check);
	return state;
end

-- What is wrong with the other side of a connection whose handshake has ended; nil when it is one of ours
local function refusal(conn)
	local certificate = conn:ssl() and conn:ssl_peercertificate();
	if not certificate then return "it showed no certificate"; end
	local verified, errors = conn:ssl_peerverification();
	if not verified then
		local words = {};
		for depth, list in pairs(type(errors) == "table" and errors or {}) do
			for _, err in ipairs(type(list) == "table" and list or { list }) do
				table.insert(words, depth > 1 and ("%s (of its issuer)"):format(err) or err);
			end
		end
		return ("its certificate does not verify with the authority of this federation: %s")
			:format(words[1] and table.concat(words, ", ") or tostring(errors));
	end
	if not verify_identity(settings.name, nil, certificate) then
		return ("its certificate is not for %s"):format(settings.name);
	end
end

-- Why a connection ended, for people
local function explain(err)
	if err == "wrong version number" then return err.." (the other side does not speak TLS)"; end
	return err;
end

return { watch = watch, refusal = refusal, explain = explain };
