-- Asks the sidecar whether a request may pass. Only a 200 is a yes; it writes `yes` to txn.okta_introspect, without which
-- haproxy.cfg lets nothing pass.

local URL = "http://@HOST@@AUTHZ@"
local DESTINATION = "@DESTINATION@"
local TIMEOUT_MS = @TIMEOUT_MS@
@CALLER_KEY@
-- All that is read of the client's headers.
local CREDENTIALS = { @CREDENTIALS@ }
local IDENTITY = {
    @IDENTITY@
}
-- What a client sees of a refusal.
local SHOWN = { "www-authenticate", "retry-after", "dpop-nonce", "content-type", "cache-control" }

-- A copy that Lua counts from 1; HAProxy counts from 0.
local function copied(values)
    local copy = {}
    for index = 0, #values do
        copy[#copy + 1] = values[index]
    end
    return copy
end

local function question(txn)
    local received = txn.http:req_get_headers()
    local asked = {
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
        -- As the client wrote it, with its query. Here and below: empty if the client sent none (`OPTIONS *`), which is its
        -- fault; left out, it would be this proxy's.
        ["x-forwarded-uri"] = { txn.f:pathq() or "" },
        ["x-forwarded-host"] = received["host"] and copied(received["host"]) or { "" },
        @CALLER_KEY_SENT@
    }
    -- Each of them, so that two are seen as two.
    for _, name in ipairs(CREDENTIALS) do
        if received[name] then
            asked[name] = copied(received[name])
        end
    end
    return asked
end

local function refuse(txn, status, answer)
    local reply = txn:reply({ status = status })
    for _, name in ipairs(SHOWN) do
        local values = answer and answer.headers and answer.headers[name]
        for _, value in ipairs(values and copied(values) or {}) do
            reply:add_header(name, value)
        end
    end
    if answer and answer.body then
        reply:set_body(answer.body)
    end
    txn:done(reply)
end

core.register_action("okta_introspect", { "http-req" }, function(txn)
    local answer = core.httpclient():get({
        url = URL,
        dst = DESTINATION,
        timeout = TIMEOUT_MS,
        headers = question(txn),
    })
    local status = answer and answer.status or 0
    if status ~= 200 then
        -- No answer, for which HAProxy's client stands in with 502 or 504, or one that means nothing: nobody knows whether
        -- the token is good.
        if status < 400 or status == 502 or status == 504 then
            return refuse(txn, 503, nil)
        end
        return refuse(txn, status, answer)
    end
    for _, name in ipairs(IDENTITY) do
        local values = answer.headers[name]
        if values then
            txn.http:req_set_header(name, values[0])
        end
    end
    txn:set_var("txn.okta_introspect", "yes")
end)
