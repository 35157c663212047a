-- A sink for Prosody's logging manager that writes one JSON object a line to standard output:
--   {"ts":"2026-01-02T03:04:05.000678Z","level":"info","role":"router","node":"gw-1","module":"s2sin","session":"5f0a…","msg":"…"}
--
-- Run by the configuration file itself (RunScript), before Prosody logs its first line, so that start-up lines are
-- covered as well:
--   RunScript "…/xmppfed_json_log.lua" { role = "router", node = "gw-1" }
--   log = { { to = "xmppfed_json", levels = { min = "info" } } }
-- `session` is there only for lines of one stream or link; it is the same for all lines of that stream.

local register_sink_type = require "prosody.core.loggingmanager".register_sink_type;
local datetime = require "prosody.util.datetime".datetime;
local format = require "prosody.util.format".format;
local encode = require "prosody.util.json".encode;
local now = require "prosody.util.time".now;

-- Prosody names the logger of a session by its kind and the address of its table in hexadecimal.
local session_kinds = { s2sin = true, s2sout = true, jcp = true };

return function (identity)
	local fixed = (',"role":%s,"node":%s,"module":'):format(encode(identity.role), encode(identity.node));
	local out = io.stdout;
	out:setvbuf("line");
	register_sink_type("xmppfed_json", function ()
		return function (name, level, message, ...)
			local kind, id = name:match("^(%a%w-%a)(%x+)$");
			local source;
			if session_kinds[kind] then
				source = ('%s,"session":%s'):format(encode(kind), encode(id));
			else
				source = encode(name);
			end
			out:write('{"ts":"', datetime(now()), '","level":"', level, '"', fixed, source, ',"msg":', encode(format(message, ...)), '}\n');
		end
	end);
end
