-- The test of `helm test`, in the federation's internal server: waits until the XmppFederation is ready, sends a message to
-- a user of the peer, who answers, and ends the process: with 0 when the answer has come, else with 1 and what is wrong.

local st = require "prosody.util.stanza";
local json = require "prosody.util.json";
local uuid = require "prosody.util.uuid";
local basic_resolver = require "prosody.net.resolvers.basic";
local now = require "prosody.util.time".monotonic;
-- They look for globals that need not be there, which Prosody's guard would complain of.
prosody.unlock_globals();
local https = require "ssl.https";
local ltn12 = require "ltn12";
prosody.lock_globals();

local peer, router = os.getenv("TEST_PEER"), os.getenv("TEST_ROUTER");
local namespace, federation = os.getenv("TEST_NAMESPACE"), os.getenv("TEST_FEDERATION");
local timeout = tonumber(os.getenv("TEST_TIMEOUT"));          -- seconds
local account = "/var/run/secrets/kubernetes.io/serviceaccount";
local again = 5;                                              -- seconds until another message is sent

local started, sent_at = now(), nil;
local ready, last_state, last_error;

local function say(text, ...)
	io.stdout:write(("%5.1f s  %s\n"):format(now() - started, text:format(...)));
	io.stdout:flush();
end

-- A resolver (spec.resolver) would lead streams to the router without this. It may be of an image that is not to be had.
module:hook("s2sout-pre-connect", function (event)
	event.resolver = basic_resolver.new(router, 5269, "tcp");
end);

https.TIMEOUT = 5;

-- The federation's resource, or nil and why it cannot be read
local function read_federation()
	local file = io.open(account.."/token");
	if not file then return nil, "the pod has no token of a service account"; end
	local token = file:read("a");
	file:close();
	local host = os.getenv("KUBERNETES_SERVICE_HOST");
	if host:find(":", 1, true) then host = "["..host.."]"; end
	local parts = {};
	local answered, code = https.request {
		url = ("https://%s:%s/apis/xmppfed.dev/v1alpha1/namespaces/%s/xmppfederations/%s"):format(host,
			os.getenv("KUBERNETES_SERVICE_PORT"), namespace, federation);
		headers = { authorization = "Bearer "..token };
		sink = ltn12.sink.table(parts);
		verify = "peer";
		cafile = account.."/ca.crt";
	};
	local body = json.decode(table.concat(parts));
	if answered and code == 200 and body then return body; end
	return nil, ("the API server does not show the XmppFederation: %s"):format(type(body) == "table" and body.message or code);
end

-- What the resource says of itself in one line, and whether it is ready
local function state_of(resource)
	local conditions = {};
	for _, condition in ipairs(resource.status and resource.status.conditions or {}) do
		conditions[condition.type] = condition;
	end
	local function text(kind)
		local condition = conditions[kind];
		return ("%s is %s, %s: %s"):format(kind, condition.status, condition.reason, condition.message);
	end
	if not conditions.Ready then return "the operator has said nothing of it yet", false; end
	if conditions.Accepted and conditions.Accepted.status == "False" then return text("Accepted"), false; end
	local is_ready = conditions.Ready.status == "True";
	if not is_ready and conditions.Degraded and conditions.Degraded.status == "True" then
		return text("Ready").." "..text("Degraded"), false;
	end
	return text("Ready"), is_ready;
end

local function look()
	local resource, problem = read_federation();
	local state = problem;
	if resource then state, ready = state_of(resource); end
	if state ~= last_state then say("XmppFederation %s: %s", federation, state); end
	last_state = state;
end

local id = uuid.generate();

local function send()
	sent_at = now();
	say("test@%s sends a message to echo@%s", module.host, peer);
	module:send(st.message({ from = "test@"..module.host, to = "echo@"..peer, id = id, type = "chat" }, id));
end

local function log_of(server)
	local lines = {};
	for line in io.lines("/tmp/"..server.."/log") do
		table.insert(lines, line);
		if #lines > 20 then table.remove(lines, 1); end
	end
	return table.concat(lines, "\n");
end

local function fail()
	say("FAILED after %d s.", timeout);
	if not ready then
		io.stdout:write(("The federation did not become ready. %s\n"):format(last_state));
		io.stdout:write(("Read what the operator says: kubectl logs -n %s deployment/%s\n"):format(namespace, os.getenv("TEST_OPERATOR")));
	else
		io.stdout:write(("The federation is ready, but no answer came from the peer. %s\n"):format(last_error or "No error came either."));
		io.stdout:write("Run the test again, and read meanwhile what the gateway says: "
			..("kubectl logs -n %s -l xmppfed.dev/federation=%s --all-containers -f\n"):format(namespace, federation));
	end
	for _, server in ipairs { "internal", "peer" } do
		io.stdout:write(("\nLast lines of the %s server's log:\n%s\n"):format(server, log_of(server)));
	end
	io.stdout:flush();
	os.exit(1);
end

module:hook("message/bare", function (event)
	local message = event.stanza;
	if message.attr.id ~= id then return; end
	if message.attr.type == "error" then
		local _, condition, text = message:get_error();
		last_error = ("The message came back: %s%s"):format(condition, text and ", "..text or "");
		say("%s", last_error);
	elseif message:get_child_text("body") == id then
		say("the answer of echo@%s has come: messages cross both ways", peer);
		os.exit(0);
	end
	return true;
end, 10);

module:add_timer(0, function ()
	if now() - started > timeout then return fail(); end
	if not ready then look(); end
	if ready and (not sent_at or now() - sent_at >= again) then send(); end
	return 1;
end);
