-- Both roles, global: /ready, /live and /status over HTTP, each answer JSON with its reasons.
--
--   GET /live    200 {"live":true}
--   GET /ready   200 or 503 {"ready":…,"role":…,"node":…,"reasons":[{"reason":…,"message":…}]}
--   GET /status  200, see `status` below; with ?peer=DOMAIN streams and failures of that peer alone
--   GET /status/settings  200, of that what the process takes over while it runs:
--                         {"settings":…,"certificate":…,"linkCertificate":…,"policy":…,"emailAddresses":…}
--
-- Ready: the port is open, the process is not stopping, and until it has been so once there has been a link for each
-- local domain. Aliases do not count: one chat node that is down must not keep the others from their work. A router is
-- ready without a link where the links name has no address: no node is Enabled then (NoEnabledNode), and it answers what
-- it is sent with an error. A link that is lost later is reported and changes nothing: a router without links still
-- answers, and taking it away would only replace that answer by a time-out.
--
-- Options: xmppfed_role (router or federation), xmppfed_node, xmppfed_certificate (path of the own certificate, PEM)

module:set_global();
module:depends("http"); -- first, so that its port is open when it is told of what is served below

local array = require "prosody.util.array";
local datetime = require "prosody.util.datetime".datetime;
local http = require "prosody.util.http";
local json = require "prosody.util.json";
local portmanager = require "prosody.core.portmanager";
local modulemanager = require "prosody.core.modulemanager";

local role = module:get_option_enum("xmppfed_role", "router", "federation");
local node = module:get_option_string("xmppfed_node");
local certificate_file = module:get_option_string("xmppfed_certificate");
local drain = module:depends("xmppfed_drain");
local dialback = module:depends("xmppfed_dialback");
local settings = module:depends("xmppfed_settings");
local peers = module:depends("xmppfed_peers");
local tls_of = peers.tls_of;
local own = module:depends("xmppfed_own_certificate");
local certificates = module:require "xmppfed_certificate";
local policy = role == "federation" and module:depends("xmppfed_policy");
local email_addresses = module:get_option_string("xmppfed_email_addresses_directory") and module:depends("xmppfed_email_addresses");
local probe = role == "router" and module:depends("xmppfed_upstream_probe");

-- LINKS --------------------------------------------------------------------------------------------------------------

local function unlinked(domains, reached)
	local missing = array {};
	for _, domain in ipairs(domains) do
		if not reached(domain) then missing:push(domain); end
	end
	return missing:sort():concat(", ");
end

local function append(list, reason, message)
	list:push({ reason = reason; message = message });
end

-- What the links of this role say: blockers of readiness, remarks, links
local roles = {};

function roles.router()
	local report = modulemanager.get_module("*", "xmppfed_links").report();
	local blockers, remarks, list = array {}, array {}, array {};
	local domains, up = array {}, {};
	local upstreams = module:get_option("xmppfed_upstreams", {});
	for domain in pairs(upstreams) do domains:push(domain); end
	for _, link in pairs(report.links) do
		local state = link.state ~= "up" and "Down" or link.draining and "Draining" or link.withdrawn and "Withdrawn" or "Up";
		if state == "Up" or state == "Withdrawn" then up[link.domain] = true; end
		list:push({
			domain = link.domain;
			node = link.node;
			address = link.address;
			state = state;
			since = state ~= "Down" and datetime(link.since) or nil;
			sent = link.sent;
			received = link.received;
			tls = tls_of(link.conn);
			lastFailure = link.last_failure and { at = datetime(link.last_failure_at); reason = link.last_failure } or nil;
		});
	end
	local no_link = unlinked(domains, function (domain) return up[domain]; end);
	local never = unlinked(domains, function (domain) return report.reached[domain] or upstreams[domain].alias; end);
	if not report.addresses then
		append(blockers, "LinksNameNotResolved", ("The name of the links Service cannot be looked up: %s"):format(report.lookup_failure or "no answer yet"));
	elseif #report.addresses == 0 then
		append(remarks, "NoEnabledNode", "The links Service has no address: no node of this federation is Enabled. What is sent out is answered with an error");
	elseif never ~= "" then
		append(blockers, "NoLink", ("No federation connection manager has been reached for: %s"):format(never));
	elseif no_link ~= "" then
		append(remarks, "NoLink", ("No federation connection manager is connected for: %s. What is sent out is answered with an error"):format(no_link));
	end
	local down = array {};
	for _, upstream in ipairs(probe.report()) do
		if not upstream.reachable then down:push(upstream.domain); end
	end
	if down[1] then
		append(remarks, "UpstreamUnreachable", ("The internal server cannot be reached for: %s. What peers send goes through other nodes, or is answered with an error"):format(down:concat(", ")));
	end
	if report.addresses and report.lookup_failure then
		append(remarks, "LinksNameNotResolved", ("The last look-up of the links Service failed: %s"):format(report.lookup_failure));
	end
	return blockers, remarks, list;
end

function roles.federation()
	local blockers, remarks, list = array {}, array {}, array {};
	local domains, reached, linked, up = array {}, {}, {}, {};
	for domain in pairs(prosody.hosts) do
		local routers = modulemanager.get_module(domain, "xmppfed_routers");
		if routers then
			local report = routers.report();
			domains:push(domain);
			reached[domain] = report.reached or report.alias;
			for _, link in ipairs(report.links) do
				if link.state ~= "Draining" then linked[domain] = true; end
				if link.state == "Up" then up[domain] = true; end
				list:push({
					domain = domain;
					node = link.node;
					address = link.address;
					state = link.state;
					since = datetime(link.since);
					sent = link.sent;
					tls = tls_of(link.conn);
				});
			end
		end
	end
	local no_link = unlinked(domains, function (domain) return linked[domain]; end);
	local no_upstream = unlinked(domains, function (domain) return up[domain] or not linked[domain]; end);
	local never = unlinked(domains, function (domain) return reached[domain]; end);
	if no_upstream ~= "" then
		append(remarks, "UpstreamUnreachable", ("No router reaches the internal server for: %s. What peers send is answered with an error"):format(no_upstream));
	end
	if never ~= "" then
		append(blockers, "NoLink", ("No router has connected for: %s"):format(never));
	elseif no_link ~= "" then
		append(remarks, "NoLink", ("No router is connected for: %s. What peers send is answered with an error"):format(no_link));
	end
	return blockers, remarks, list;
end

-- ANSWERS ------------------------------------------------------------------------------------------------------------

-- Read by mod_xmppfed_metrics too
function readiness()
	local blockers, remarks, links = roles[role]();
	if drain.draining then
		append(blockers, "Draining", "The process is stopping");
	elseif not portmanager.get_active_services():get("s2s") then
		append(blockers, "PortClosed", "The port for XMPP streams is not open");
	end
	local ready = #blockers == 0;
	return { ready = ready; role = role; node = node; reasons = blockers:append(remarks) }, links;
end

-- The certificate that new streams use
local function own_certificate()
	local report = own.report();
	return {
		file = certificate_file;
		digest = report.digest;
		notAfter = report.certificate and certificates.rfc3339(report.certificate:notafter());
		failure = report.failure;
	};
end

-- The certificate of new links; federation connection manager: who got no link, and why
local function link_security()
	local report = modulemanager.get_module("*", role == "router" and "xmppfed_links" or "xmppfed_link_port").report();
	local certificate = { notAfter = report.tls.certificate and certificates.rfc3339(report.tls.certificate:notafter()); failure = report.tls.failure };
	local refused = report.refused and array();
	for _, last in ipairs(report.refused or {}) do
		refused:push({ address = last.address; at = last.at; reason = last.reason; count = last.count });
	end
	return certificate, refused;
end

-- peer: a domain whose streams and failures alone are told; nil for all
local function status(peer)
	local ready, links = readiness();
	ready.started = datetime(prosody.start_time);
	ready.version = "Prosody "..prosody.version;
	ready.certificate = own_certificate();
	ready.settings = settings.report();
	ready.streams, ready.failures = peers.report(peer);
	ready.links = links;
	ready.dialback = dialback.report();
	ready.linkCertificate, ready.refusedLinks = link_security();
	ready.upstreams = probe and array(probe.report()) or nil;
	ready.policy = policy and policy.report() or nil;
	ready.emailAddresses = email_addresses and email_addresses.report() or nil;
	ready.remoteDomains = role == "router" and modulemanager.get_module("*", "xmppfed_any_domain").report() or nil;
	return ready;
end

local function answer(response, code, body)
	response.status_code = code;
	response.headers.content_type = "application/json";
	return json.encode(body).."\n";
end

module:provides("http", {
	default_path = "/";
	cors = { enabled = false };
	route = {
		["GET /live"] = function (event) return answer(event.response, 200, { live = true }); end;
		["GET /ready"] = function (event)
			local body = readiness();
			return answer(event.response, body.ready and 200 or 503, body);
		end;
		["GET /status/settings"] = function (event)
			return answer(event.response, 200, {
				role = role;
				settings = settings.report();
				certificate = own_certificate();
				linkCertificate = link_security();
				policy = policy and policy.in_force() or nil;
				emailAddresses = email_addresses and email_addresses.report() or nil;
			});
		end;
		["GET /status"] = function (event)
			local query = http.formdecode(event.request.url.query or "");
			return answer(event.response, 200, status(type(query) == "table" and query.peer or nil));
		end;
	};
});
