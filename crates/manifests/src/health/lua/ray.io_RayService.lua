-- A RayService. Its `observedGeneration` is not compared: the operator writes it only together with other changes.
-- Operators before 1.3 have `serviceStatus` and no conditions.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local status = type(obj.status) == "table" and obj.status or {}
local conditions = type(status.conditions) == "table" and status.conditions or {}

local function condition(name)
  for _, entry in pairs(conditions) do
    if type(entry) == "table" and entry.type == name then return entry end
  end
  return {}
end

local function health(as, message, from)
  for _, more in ipairs({ text(from and from.reason), text(from and from.message) }) do
    if more ~= "" then message = message .. ": " .. more end
  end
  return { status = as, message = message }
end

-- The first application, by name, that Ray Serve has given up.
local function failed(service)
  local applications = type(service) == "table" and service.applicationStatuses
  local names = {}
  for name, application in pairs(type(applications) == "table" and applications or {}) do
    local state = type(application) == "table" and application.status
    if type(name) == "string" and (state == "DEPLOY_FAILED" or state == "UNHEALTHY") then
      table.insert(names, name)
    end
  end
  table.sort(names)
  if names[1] == nil then return nil end
  local application = applications[names[1]]
  return health("Degraded", "application " .. names[1], { reason = application.status, message = application.message })
end

local failure = failed(status.activeServiceStatus) or failed(status.pendingServiceStatus)
if failure then return failure end
local upgrade, ready = condition("UpgradeInProgress"), condition("Ready")
if upgrade.status == "True" then return health("Progressing", "being upgraded", upgrade) end
if ready.status == "True" or (ready.status == nil and status.serviceStatus == "Running") then
  return health("Healthy", "running")
end
if ready.status == "False" and ready.reason == "InitializingTimeout" then
  return health("Degraded", "not ready in time", ready)
end
return health("Progressing", "not ready", ready)
