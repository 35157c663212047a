-- Both roles, global: takes over a new certificate of the federation while the process runs, and other authorities to
-- verify peers with. Streams that are up stay as they are; what is negotiated afterwards uses the new ones.
--
-- Options: xmppfed_certificate (path of tls.crt; tls.key is beside it), xmppfed_role
--
-- Invariant: what OpenSSL does not take (no PEM, the key of another certificate) never replaces what it took.

module:set_global();

local certmanager = require "prosody.core.certmanager";
local config = require "prosody.core.configmanager";
local load_certificate = require "ssl".loadcertificate;
local modulemanager = require "prosody.core.modulemanager";
local new_tls = require "prosody.net.server".tls_builder;
local sha256 = require "prosody.util.hashes".sha256;
local directory = module:require "xmppfed_directory";
local add_authorities = module:require "xmppfed_trusted_authorities";

local check_interval = 1; -- seconds

local role = module:get_option_enum("xmppfed_role", "router", "federation");
local certificate_file = module:get_option_string("xmppfed_certificate");
local files = { certificate_file, (certificate_file:gsub("%.crt$", ".key")) };

local seen;
local force = {}; -- certificate: the one in force; digest: of all of it; failure: why the files as they are now are not

local function content(path)
	local file, err = io.open(path);
	if not file then return nil, err; end
	local text = file:read("*a");
	file:close();
	return text;
end

-- The certificate, and a digest of its chain with the name and the content of the authorities behind it
local function read()
	local options = add_authorities { mode = "server", protocol = "tlsv1_2+", certificate = files[1], key = files[2] };
	local chain, authorities, err = nil, "", nil;
	chain, err = content(files[1]);
	if chain and options.cafile then authorities, err = content(options.cafile); end
	if not chain or not authorities then return nil, err; end
	local usable, why = new_tls():apply(options):build();
	if not usable then return nil, why; end
	local name = (options.cafile or ""):match("[^/]*$");
	return load_certificate(chain), sha256(chain..name..authorities, true);
end

-- mod_tls makes its contexts anew: that of each host has the certificate in it
local function take_over()
	if role == "federation" then add_authorities(config.get("*", "ssl")); end
	certmanager.reload_ssl_config();
	for host in pairs(prosody.hosts) do
		local tls = modulemanager.get_module(host, "tls");
		if tls then tls.module.load(true); end
	end
end

local function check()
	local _, now = directory.list((files[1]:gsub("/[^/]*$", ""))); -- before reading: what changes meanwhile is seen the next time
	if now == seen then return check_interval; end
	seen = now;
	local certificate, digest = read();
	if not certificate then
		force.failure = ("The certificate in %s cannot be used: %s"):format(files[1], digest or "it is not a certificate in PEM form");
		module:log("error", "%s%s", force.failure, force.certificate and ". The one before is used on" or "");
		return check_interval;
	end
	local changed = force.digest and force.digest ~= digest;
	force.certificate, force.digest, force.failure = certificate, digest, nil;
	if changed then
		take_over();
		module:log("info", "New streams use the certificate and the trusted authorities of now; it is valid until %s", certificate:notafter());
	end
	return check_interval;
end

check();
module:add_timer(check_interval, check);

-- For the status
function report()
	return force;
end
