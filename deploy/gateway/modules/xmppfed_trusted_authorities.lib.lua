-- Strategy Live: whom certificates of peers are verified with. Their file lies beside the certificate, and may change, come
-- and go while the process runs. Its name says whether the public authorities are trusted as well.
--
-- Run by the configuration file (RunScript), so that the first context of TLS has them, and by mod_xmppfed_own_certificate
-- when they have changed. src/gateway/layout.ts has the same names.

local beside_public_ones, alone = "trusted-authorities.pem", "trusted-authorities-only.pem";

-- Sets `cafile` and `capath` of TLS options that have a `certificate`. Gives the options.
return function (options)
	local directory = options.certificate:gsub("[^/]*$", "");
	local function file(name)
		local found = io.open(directory..name);
		if found then found:close(); end
		return found and directory..name or nil;
	end
	local only = file(alone);
	options.cafile = only or file(beside_public_ones);
	options.capath = nil; -- Prosody's own: the system's
	if only then options.capath = false; end
	return options;
end
