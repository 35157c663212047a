-- xmppfed-gateway check PEER LOCAL: tries a stream to a peer, step by step, as the federation connection manager of this
-- pod would open it, and says of each step what came of it. For `kubectl xmppfed check`, by exec.
--
-- A process of its own: it listens to nothing, shares nothing with the process that runs and so disturbs none of its
-- streams. It goes by the same configuration, settings, trusted authorities and DNS options, makes TLS by the same
-- functions and judges by the same modules (mod_xmppfed_peer_settings, mod_xmppfed_peer_security). It says who it is by
-- EXTERNAL or dialback as the settings have it, and then closes the stream: no stanza is sent.
--
-- Output: one line of JSON for each step as it ends, { step, result, ms, detail, cause }; result: "ok", "failed", "note"
-- (not as it should be, and not in the way) or "skipped"; cause: a code of xmppfed_cause.lib.lua. The last step is
-- "verdict". Exit code 0 where the stream came about, 1 where it did not, 64 for wrong arguments.

local directory = arg[0]:match("^(.*)/") or ".";
local peer_argument, local_argument = arg[1], arg[2];

local gateway = assert(loadfile(directory.."/xmppfed_without_server.lua"))(directory);
local load_module, load_library = gateway.load_module, gateway.load_library;

local config = require "prosody.core.configmanager";
local create_context = require "prosody.core.certmanager".create_context;
local encodings = require "prosody.util.encodings";
local hashes = require "prosody.util.hashes";
local json = require "prosody.util.json";
local socket = require "socket";
local st = require "prosody.util.stanza";
local monotonic = require "prosody.util.time".monotonic;
local unbound = require "prosody.net.unbound".dns;

local settings = load_module("xmppfed_peer_settings");
local security = load_module("xmppfed_peer_security");
local causes = load_library(security, "xmppfed_cause");
local certificates = load_library(_G, "xmppfed_certificate");
local records = load_library(_G, "xmppfed_service_records");
local open_stream = load_library(_G, "xmppfed_waiting_stream").open;

-- WHAT IS SAID -------------------------------------------------------------------------------------------------------

local function fail_usage(message)
	io.stderr:write(message, "\n");
	os.exit(64);
end

local peer = peer_argument and encodings.stringprep.nameprep(peer_argument);
local local_domain = local_argument and encodings.stringprep.nameprep(local_argument);
if not peer or not local_domain then fail_usage("usage: xmppfed-gateway check PEER LOCAL"); end
local served = config.getconfig();
if not rawget(served, local_domain) or local_domain == "*" or local_domain == "placeholder.invalid" then
	fail_usage(("%s is not a domain of this federation"):format(local_domain));
end
if rawget(served, peer) then fail_usage(("%s is a domain of this federation itself, not a peer"):format(peer)); end

local step_started = monotonic();

local function say(step, result, detail, cause)
	local now = monotonic();
	io.stdout:write(json.encode({
		step = step, result = result, detail = detail, cause = cause;
		ms = math.floor((now - step_started) * 1000 + 0.5);
	}), "\n");
	io.stdout:flush();
	step_started = now;
end

-- Ends the check: nothing that comes after this step can be tried
local function give_up(step, detail, cause)
	say(step, "failed", detail, cause);
	say("verdict", "failed", ("no stream to %s comes about"):format(peer), cause);
	os.exit(1);
end

-- DNS ----------------------------------------------------------------------------------------------------------------

local demands = settings.of(peer);

local function describe_demands()
	if demands.mode == "NoTLS" then return "NoTLS, dialback Enabled"; end
	return ("%s, certificates %s, SASL EXTERNAL %s, dialback %s"):format(demands.mode, demands.peerCertificates, demands.saslExternal.outgoing, demands.dialback.mode);
end

local ascii_peer = encodings.idna.to_ascii(peer);

-- The SRV records of a service, those to be tried first in front
local function look_up_service(service)
	local answer, err = unbound.lookup(records.record_name(ascii_peer, service), "SRV");
	local list = {};
	for _, record in ipairs(answer or {}) do table.insert(list, record.srv); end
	table.sort(list, function (a, b) return a.priority < b.priority or a.priority == b.priority and a.weight > b.weight; end);
	return list, answer, err;
end

local function describe_records(list, service)
	local words = {};
	for _, record in ipairs(list) do
		table.insert(words, ("%s port %d (priority %d, weight %d)"):format(record.target, record.port, record.priority, record.weight));
	end
	return ("%s: %s"):format(records.record_name(ascii_peer, service), table.concat(words, ", "));
end

-- What to connect to: { host, port, direct = TLS from the first byte }
local function find_targets()
	if not ascii_peer then give_up("srv", ("%s is no name that DNS can have"):format(peer), "NameNotFound"); end
	local targets, words = {}, {};
	local direct = demands.mode ~= "NoTLS" and look_up_service("xmpps-server") or {};
	if direct[1] then table.insert(words, describe_records(direct, "xmpps-server")); end
	for _, record in ipairs(direct) do table.insert(targets, { host = record.target, port = record.port, direct = true }); end
	local list, answer, err = look_up_service("xmpp-server");
	local problem = records.problem(answer, err);
	if problem then give_up("srv", ("%s: %s"):format(records.record_name(ascii_peer), problem), "DNSFailed"); end
	if #list == 1 and list[1].target == "." then give_up("srv", records.record_name(ascii_peer), "ServiceNotOffered"); end
	if list[1] then table.insert(words, describe_records(list)); end
	for _, record in ipairs(list) do table.insert(targets, { host = record.target, port = record.port }); end
	if not list[1] then
		table.insert(targets, { host = ascii_peer, port = 5269 });
		table.insert(words, ("%s does not exist: %s port 5269 is tried"):format(records.record_name(ascii_peer), ascii_peer));
	end
	say("srv", list[1] and "ok" or "note", table.concat(words, "; "));
	return targets, list[1] ~= nil;
end

local function find_addresses(targets, has_records)
	local found, words = {}, {};
	for _, target in ipairs(targets) do
		local addresses = {};
		for _, kind in ipairs { "AAAA", "A" } do
			for _, record in ipairs(unbound.lookup(target.host, kind) or {}) do table.insert(addresses, record[kind:lower()]); end
		end
		for _, address in ipairs(addresses) do
			table.insert(found, { address = address, port = target.port, direct = target.direct });
		end
		table.insert(words, ("%s: %s"):format(target.host, addresses[1] and table.concat(addresses, ", ") or "no address"));
	end
	local detail = table.concat(words, "; ");
	if not found[1] then give_up("address", detail, has_records and "TargetNotFound" or "NameNotFound"); end
	say("address", "ok", detail);
	return found;
end

-- CONNECTION ---------------------------------------------------------------------------------------------------------

local connect_limit, answer_limit, dialback_limit = 10, 15, 60; -- seconds

local function cause_of_connecting(err)
	err = err:lower();
	return err:find("refused") and "ConnectionRefused" or (err:find("timeout") or err:find("timed out")) and "ConnectionTimeout" or "Unreachable";
end

local function connect(places)
	local words, last = {}, nil;
	for _, place in ipairs(places) do
		local conn = place.address:find(":", 1, true) and socket.tcp6() or socket.tcp4();
		conn:settimeout(connect_limit);
		local ok, err = conn:connect(place.address, place.port);
		if ok then
			table.insert(words, ("%s port %d%s"):format(place.address, place.port, place.direct and ", TLS from the first byte" or ""));
			say("tcp", "ok", table.concat(words, "; "));
			conn:settimeout(0);
			return conn, place;
		end
		conn:close();
		last = cause_of_connecting(err);
		table.insert(words, ("%s port %d: %s"):format(place.address, place.port, err));
	end
	give_up("tcp", table.concat(words, "; "), last);
end

local function list_features(features)
	local names = {};
	for _, feature in ipairs(features.tags) do
		local name = feature.name;
		if name == "mechanisms" then
			local mechanisms = {};
			for mechanism in feature:childtags("mechanism") do table.insert(mechanisms, mechanism:get_text()); end
			name = ("mechanisms (%s)"):format(table.concat(mechanisms, ", "));
		elseif name == "starttls" and feature:get_child("required") then
			name = "starttls (required)";
		end
		table.insert(names, name);
	end
	return names[1] and table.concat(names, ", ") or "none";
end

-- Features of the stream, which may be those inside TLS
local function read_features(conn, step)
	local stream = open_stream(conn, local_domain, peer, answer_limit);
	local features, why = stream.next(answer_limit);
	if not features then
		local cause = stream.condition and causes.of_peers_error({ direction = "outgoing" }, stream.condition, why);
		give_up(step, why, cause or stream.bad and "NotXMPP" or why:find("alert") and "OwnCertificateRefused" or "StreamNotAnswered");
	end
	say(step, "ok", ("features: %s"):format(list_features(features)));
	return stream, features;
end

-- TLS ----------------------------------------------------------------------------------------------------------------

local function tls_context()
	local rawget_option = config.rawget;
	local context, err = create_context(local_domain, "client", rawget_option(local_domain, "s2s_ssl"), rawget_option(local_domain, "ssl"),
		rawget_option("*", "s2s_ssl"), { alpn = "xmpp-server" }, { verifyext = { "lsec_continue", "lsec_ignore_purpose" } });
	if not context then give_up("tls", ("this federation's certificate cannot be used: %s"):format(err), "TLSHandshakeFailed"); end
	return context;
end

-- nil and why where the handshake fails
local function start_tls(conn)
	local secured, err = tls_context():wrap(conn);
	if not secured then return nil, err; end
	secured:sni(ascii_peer);
	secured:settimeout(answer_limit);
	local ok;
	ok, err = secured:dohandshake();
	if not ok then return nil, tostring(err); end
	secured:settimeout(0);
	local info = secured:info();
	say("tls", "ok", ("%s, %s"):format(info.protocol, info.cipher));
	return secured;
end

-- What mod_xmppfed_peer_security judges by, as it is on a session of mod_s2s
local function session_of(conn, is_secure)
	local session = { direction = "outgoing", secure = is_secure, to_host = peer, from_host = local_domain };
	if not is_secure then return session; end
	session.conn = { ssl_peercertificate = function () return conn:getpeercertificate(); end };
	local certificate = conn:getpeercertificate();
	if not certificate then return session; end
	local verified, errors = conn:getpeerverification();
	session.cert_chain_status, session.cert_chain_errors = verified and "valid" or "invalid", errors;
	return session;
end

local function check_certificate(conn, session)
	local certificate = conn:getpeercertificate();
	local is_needed = demands.peerCertificates == "Strict" or security.needs_external(demands, "outgoing");
	if not certificate then
		if is_needed then give_up("certificate", "none was shown", "CertificateMissing"); end
		return say("certificate", "note", "none was shown", "CertificateMissing");
	end
	local told = certificates.describe(certificate);
	local purpose_client = "1.3.6.1.5.5.7.3.2"; -- id-kp-clientAuth
	local detail = ("for %s%s; issuer %s; valid from %s until %s; %s"):format(
		told.names[1] and table.concat(told.names, ", ") or "no name", told.moreNames and (" and %d more"):format(told.moreNames) or "",
		told.issuer, told.notBefore, told.notAfter,
		certificates.allows(certificate, purpose_client) and "for servers and clients" or "for servers only (no clientAuth)");
	local _, cause, errors = certificates.problem(session, peer);
	if not cause then return say("certificate", "ok", detail); end
	if errors then detail = ("%s; %s"):format(errors, detail); end
	if is_needed then give_up("certificate", detail, cause); end
	say("certificate", "note", detail, cause);
end

-- AUTHENTICATION -----------------------------------------------------------------------------------------------------

local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

local function offers_external(features)
	local mechanisms = features:get_child("mechanisms", xmlns_sasl);
	for mechanism in (mechanisms or features):childtags("mechanism") do
		if mechanism:get_text() == "EXTERNAL" then return true; end
	end
	return false;
end

-- Whether the peer took us by EXTERNAL
local function try_external(stream, features, session)
	local is_needed = security.needs_external(demands, "outgoing");
	local objection = security.objection(session, peer, "EXTERNAL");
	if not session.secure or objection or not offers_external(features) then
		local why = not session.secure and "it needs TLS" or objection or "the peer does not offer it";
		if is_needed then give_up("external", why, "ExternalNeeded"); end
		say("external", "skipped", why);
		return false;
	end
	stream.send(st.stanza("auth", { xmlns = xmlns_sasl, mechanism = "EXTERNAL" }):text(encodings.base64.encode(local_domain)));
	local answer, why = stream.next(answer_limit);
	if answer and answer.name == "success" then
		say("external", "ok", "the peer offers it and takes this federation's certificate");
		return true;
	end
	local condition = answer and answer.tags[1] and answer.tags[1].name or why or "without a reason";
	local text = answer and answer:get_child_text("text");
	local detail = ("the peer offers it and refused it: %s%s"):format(condition, text and (" (%s)"):format(text) or "");
	if is_needed or not answer then give_up("external", detail, "ExternalRefused"); end
	say("external", "note", detail, "ExternalRefused");
	return false;
end

-- As mod_dialback makes it (XEP-0185)
local function dialback_key(id)
	local secret = hashes.sha256(config.get("*", "dialback_secret"), true);
	return hashes.hmac_sha256(secret, peer.." "..local_domain.." "..id, true);
end

local function try_dialback(stream, session)
	session.dialback_key = dialback_key(stream.id or "");
	stream.send(st.stanza("db:result", { from = local_domain, to = peer }):text(session.dialback_key));
	local answer, why = stream.next(dialback_limit);
	while answer and not (answer.name == "result" or answer.name == "db:result") do answer, why = stream.next(dialback_limit); end
	if not answer then
		local cause = stream.condition and causes.of_peers_error(session, stream.condition, why);
		give_up("dialback", why, cause or "DialbackNotAnswered");
	end
	if answer.attr.type == "valid" then return say("dialback", "ok", "the peer had this federation's key verified"); end
	if answer.attr.type == "invalid" then give_up("dialback", "the peer was told that the key is not this federation's", "DialbackRefused"); end
	local _, condition, text = answer:get_error();
	give_up("dialback", text or condition or "an error without a reason", "DialbackFailed");
end

-- ALL OF IT ----------------------------------------------------------------------------------------------------------

local has_starttls = "urn:ietf:params:xml:ns:xmpp-tls";

-- The stream and its features, inside TLS where it comes about. without_tls: a handshake failed, and the settings allow to
-- go on without
local function negotiate(places, without_tls)
	local conn, place = connect(places);
	local function handshake_failed(why)
		if demands.mode ~= "TLSOptional" or security.needs_external(demands, "outgoing") then give_up("tls", why, "TLSHandshakeFailed"); end
		say("tls", "note", ("%s: it is tried without TLS"):format(why), "TLSHandshakeFailed");
		return negotiate(places, true);
	end
	if place.direct then
		local secured, why = start_tls(conn);
		if not secured then return handshake_failed(why); end
		return secured, true, read_features(secured, "stream");
	end
	local stream, features = read_features(conn, "stream");
	local offer = features:get_child("starttls", has_starttls);
	if demands.mode == "NoTLS" and offer and offer:get_child("required") then
		give_up("starttls", "the peer demands TLS, and the settings for it say NoTLS", "TLSDemanded");
	end
	if demands.mode == "NoTLS" or without_tls then
		say("starttls", "skipped", without_tls and "the handshake failed before" or "the settings for this peer say NoTLS");
		return conn, false, stream, features;
	end
	if not offer then
		if demands.mode == "TLSRequired" or security.needs_external(demands, "outgoing") then
			give_up("starttls", "the peer does not offer it", "TLSNotOffered");
		end
		say("starttls", "note", "the peer does not offer it: the stream is not encrypted", "TLSNotOffered");
		return conn, false, stream, features;
	end
	stream.send(st.stanza("starttls", { xmlns = has_starttls }));
	local answer, why = stream.next(answer_limit);
	if not answer or answer.name ~= "proceed" then give_up("starttls", why or "the peer offers it and refuses it", "TLSHandshakeFailed"); end
	say("starttls", "ok", "offered and begun");
	local secured;
	secured, why = start_tls(conn);
	if not secured then return handshake_failed(why); end
	return secured, true;
end

if settings.unreadable then give_up("settings", settings.unreadable, "PolicyRefused"); end
say("settings", "ok", describe_demands());
local conn, is_secure, stream, features = negotiate(find_addresses(find_targets()));
local session = session_of(conn, is_secure);
if is_secure then
	check_certificate(conn, session);
	if not stream then stream, features = read_features(conn, "features"); end
end
local by_external = try_external(stream, features, session);
if by_external then say("dialback", "skipped", "it is not needed"); else try_dialback(stream, session); end
stream.send("</stream:stream>");
conn:close();
say("verdict", "ok", ("a stream to %s comes about: %s"):format(peer, by_external and "SASL EXTERNAL" or is_secure and "dialback in TLS" or "dialback, not encrypted"));
os.exit(0);
