-- /etc/haproxy/verify.lua: asks tokend about a request's token. txn.verdict is the status of the answer.

local FIELDS = {
    "x-auth-subject", "x-auth-username", "x-auth-client", "x-auth-scope", "x-auth-session", "x-auth-expires",
}

local function verify(txn, url)
    local sent = {}
    for _, value in pairs(txn.http:req_get_headers()["authorization"] or {}) do
        table.insert(sent, value)
    end
    local headers = #sent > 0 and { authorization = sent } or nil
    local answer = core.httpclient():get { url = url, headers = headers, timeout = 5000 }

    local function field(name)
        local values = answer.headers and answer.headers[name]
        return values and (values[0] or values[1])
    end
    txn:set_var("txn.challenge", field("www-authenticate") or "Bearer")
    if answer.status == 204 then
        for _, name in ipairs(FIELDS) do
            local value = field(name)
            if value then
                txn.http:req_set_header(name, value)
            end
        end
    end
    txn:set_var("txn.verdict", tostring(answer.status))
end

core.register_action("verify", { "http-req" }, verify, 1)
