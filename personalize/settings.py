"""One settings file for every deployment; the only place that reads the environment.

A value that is missing or malformed stops the start and names itself. Every secret may also come
from a file, as NAME_FILE.
"""

import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()

# -- who and where -----------------------------------------------------------------------------
# "production" asks for more: a second step, short visits; see docs/operating.md, Signing in.
ENV = env.str("ENV", default="development")
if ENV not in ("development", "production"):
    raise ImproperlyConfigured(f"ENV must be development or production, not {ENV!r}.")
PRODUCTION = ENV == "production"
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
# Former SECRET_KEYs: what they signed or encrypted is still read.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Keys of the keyed hash of suppressed addresses and of the ledger's signature (any long text). They are apart from
# SECRET_KEY so that changing that one neither forgets an opt-out nor breaks old checkpoints.
CONTACT_KEY = env.str("CONTACT_KEY", default=SECRET_KEY)
LEDGER_KEY = env.str("LEDGER_KEY", default=SECRET_KEY)
# Verifier keys (name+id+key) of former LEDGER_KEYs: what they signed still verifies.
LEDGER_OLD_KEYS = env.list("LEDGER_OLD_KEYS", default=[])
PORT = env.int("PORT", default=8000)
BASE_URL = env.str("BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
# Where mails lead and what clients reach: a name of its own, or the console's. See personalize/hosts.py.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/") or BASE_URL
if not urlsplit(PUBLIC_URL).hostname or urlsplit(PUBLIC_URL).scheme != urlsplit(BASE_URL).scheme:
    raise ImproperlyConfigured("PUBLIC_URL is an address with the scheme of BASE_URL, such as https://go.example.com.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
if PUBLIC_URL != BASE_URL:
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, str(urlsplit(PUBLIC_URL).hostname).rstrip(".")]
CSRF_TRUSTED_ORIGINS = sorted({BASE_URL, PUBLIC_URL})
# Values `up` generates on first start and prints once; set them to choose your own.
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")
WRITE_KEY = env.str("WRITE_KEY", default="")
API_TOKENS = {role: env.str(f"API_TOKEN_{role.upper()}", default="") for role in ("marketer", "editor", "officer")}
# The local mail catcher's web page, when `up` started one.
MAIL_CATCHER_URL = env.str("MAIL_CATCHER_URL", default="")

# -- database ----------------------------------------------------------------------------------
# Who the ledger names when nobody said `acting(…)`: the process. Any other session must say who acts, or may not write.
PROCESS = re.sub(r"[^a-z0-9_]", "", Path(sys.argv[sys.argv[0].endswith("manage.py") and len(sys.argv) > 1]).stem)
DATABASES = {"default": env.db_url("DATABASE_URL")}
# The login that owns the tables, for `prepare` and `migrate` alone; no service is given it. Empty: DATABASE_URL's own.
OWNER_DATABASE = env.db_url("OWNER_DATABASE_URL") if env.str("OWNER_DATABASE_URL", default="") else None
# A restored copy for `verify_restore` to look through, and how many days may pass between two that were found whole.
RESTORED_DATABASE = env.db_url("RESTORED_DATABASE_URL") if env.str("RESTORED_DATABASE_URL", default="") else None
RESTORE_DAYS = env.int("RESTORE_DAYS", default=31)
APPLICATION_LOGIN = {name: DATABASES["default"][name] for name in ("USER", "PASSWORD")}
if OWNER_DATABASE and PROCESS == "migrate":
    DATABASES["default"] = {**OWNER_DATABASE}
DATABASES["default"].update(
    # Long: a new connection plans anew what decisions and events have prepared. One that was lost is seen all the same.
    CONN_MAX_AGE=600,
    CONN_HEALTH_CHECKS=True,
    OPTIONS={
        "application_name": "personalize",
        "options": f"-c app.actor=system:{PROCESS}",
        # Only what asks to be prepared is: with None, Django's choice, psycopg would not prepare even that.
        "prepare_threshold": 2**31,
        **DATABASES["default"].get("OPTIONS", {}),
    },
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Triggers write the history rows, so that no way to change a row misses them; see compliance.history.
SIMPLE_HISTORY_ENABLED = False

# -- files we make ------------------------------------------------------------------------------
# Packets for regulators; web server and workers share this folder.
DATA = Path(env.str("DATA", default="") or ROOT / ".data")
PACKETS = DATA / "packets"
# What each mail worker of this machine noted of the mail server's answers, until the database knows them.
JOURNAL = DATA / "journal"
# The half of the sending fence that is kept outside the database; see compliance.fence.
FENCE = Path(env.str("SENDING_FENCE", default="") or DATA / "fence")
# A name for the whole installation; without one it is this machine, and only its own processes send.
SENDING_PLACE = env.str("SENDING_PLACE", default="") or socket.gethostname()
# Who was erased, by pseudonym, kept outside the database so that a restored backup can be made to forget them again.
ERASURES = Path(env.str("ERASURE_LOG", default="") or FENCE.with_name("erasures"))
# Where every signed checkpoint is appended: best on another machine's disk. And who gets the newest one by mail, daily.
LEDGER_CHECKPOINTS = Path(env.str("LEDGER_CHECKPOINTS", default="") or DATA / "checkpoints.txt")
LEDGER_MAIL_TO = env.list("LEDGER_MAIL_TO", default=[])

# Counts that the web processes share: codes that were used, tries that were wrong.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "compliance_cache"}}

# -- broker ------------------------------------------------------------------------------------
# Work rows in PostgreSQL are the truth; a broker message is only a wake-up. Without BROKER_URL the same PostgreSQL
# carries it.
BROKER_URL = env.str("BROKER_URL", default="") or "pgmq://" + env.str("DATABASE_URL").partition("://")[2]

# -- mail --------------------------------------------------------------------------------------
vars().update(env.email_url("EMAIL_URL", default="smtp://127.0.0.1:1025"))
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_S", default=60)
# How long a worker may hold what it took before others believe that it died.
WORK_LEASE_S = env.int("WORK_LEASE_S", default=120)
MAIL_DOMAIN = env.str("MAIL_DOMAIN", default="mail.harbourwell.example")
# Notices about what became of mails. Both doors stay shut until a secret is set.
# 1. /hooks/mail/, Standard Webhooks: one or more of "whsec_<base64>", the new one first while it is being changed.
MAIL_WEBHOOK_SECRETS = env.list("MAIL_WEBHOOK_SECRETS", default=[])
# 2. /hooks/anymail/<provider>/ for one of django-anymail's providers, e.g. "postmark"; "name:password" for HTTP basic
# authentication, and the provider's own signing key where it has one, e.g. ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY.
MAIL_PROVIDER = env.str("MAIL_PROVIDER", default="")
ANYMAIL = {
    "WEBHOOK_SECRET": env.list("ANYMAIL_WEBHOOK_SECRET", default=[]),
    **{
        name.removeprefix("ANYMAIL_"): env.str(name)
        for name in (
            "ANYMAIL_MAILERSEND_SIGNING_SECRET", "ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY",
            "ANYMAIL_MAILTRAP_WEBHOOK_SECRET",
            "ANYMAIL_MANDRILL_WEBHOOK_KEY", "ANYMAIL_POSTAL_WEBHOOK_KEY", "ANYMAIL_RESEND_SIGNING_SECRET",
            "ANYMAIL_UNISENDER_GO_API_KEY",
        )
        if env.str(name, default="")
    },
}  # fmt: skip

# -- firm (footer, sender identity; one firm per installation) ------------------------------------
FIRM = {
    "name": env.str("FIRM_NAME", default="Harbourwell"),
    "legal_name": env.str("FIRM_LEGAL_NAME", default="Harbourwell Investments Ltd"),
    "status_line": env.str(
        "FIRM_STATUS_LINE",
        default="Authorised and regulated by the Financial Conduct Authority (a demonstration firm, number 000000).",
    ),
    "address": env.str("FIRM_ADDRESS", default="4 Quay Street, Bristol BS1 4DJ, United Kingdom"),
    "sender": env.str("FIRM_SENDER", default="Harbourwell <hello@mail.harbourwell.example>"),
    "jurisdiction": env.str("FIRM_JURISDICTION", default="UK"),
}
# Hours without e-mail, in the client's own time, e.g. "21-8"; empty for none. Text messages have legal ones.
QUIET_HOURS = env.str("QUIET_HOURS", default="")

# -- applications ------------------------------------------------------------------------------
INSTALLED_APPS = [
    "campaigns",
    "personalize",
    "compliance",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "guardian",
    "simple_history",
    "django_htmx",
    "template_partials",
    "lucide",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    "personalize.hosts.HostMiddleware",
    "personalize.lane.MachineLane",
    "campaigns.live.lane.DecisionLane",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "compliance.web.DoorMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "compliance.access.guard.VisitMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "compliance.web.ActorMiddleware",
    "compliance.web.TextMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "compliance.reviewing.blind.BlindMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "personalize.urls"
WSGI_APPLICATION = "personalize.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "compliance.web.chrome",
                "compliance.stops.shown",
                "campaigns.wellbeing.calm.shown",
            ],
            "builtins": [
                "template_partials.templatetags.partials",
                "django.contrib.humanize.templatetags.humanize",
                "lucide.templatetags.lucide",
                "compliance.templatetags.shown",
            ],
        },
    }
]

# -- people ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "compliance.Staff"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AXES_VERBOSE = False
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
PASSWORD_RESET_TIMEOUT = 600

# -- signing in (docs/operating.md, Signing in) --------------------------------------------------
SECOND_STEP_REQUIRED = env.bool("SECOND_STEP_REQUIRED", default=PRODUCTION)
SESSION_IDLE_S = 60 * env.int("SESSION_IDLE_MINUTES", default=15 if PRODUCTION else 720)
STEP_UP_S = 60 * env.int("STEP_UP_MINUTES", default=15 if PRODUCTION else 60)
ACCOUNT_ADAPTER = "compliance.access.adapters.Account"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_REAUTHENTICATION_TIMEOUT = STEP_UP_S
MFA_ADAPTER = "compliance.access.adapters.SecondStep"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
SOCIALACCOUNT_ADAPTER = "compliance.access.sign_on.SocialAdapter"
# The firm's identity provider, with its /.well-known/openid-configuration under OIDC_ISSUER.
OIDC = {name: env.str(f"OIDC_{name}", default="") for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "NAME")}
if OIDC["ISSUER"] and not (OIDC["CLIENT_ID"] and OIDC["CLIENT_SECRET"]):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET.")
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "firm",
                "name": OIDC["NAME"] or "single sign-on",
                "client_id": OIDC["CLIENT_ID"],
                "secret": OIDC["CLIENT_SECRET"],
                "settings": {"server_url": OIDC["ISSUER"].rstrip("/"), "fetch_userinfo": False},
            }
        ],
    }
} if OIDC["ISSUER"] else {}  # fmt: skip

# -- browser safety ----------------------------------------------------------------------------
HTTPS = BASE_URL.startswith("https://")
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
SESSION_ENGINE = "compliance.access.engine"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# A proxy ends TLS; redirecting here would break RFC 8058's "must not redirect".
SECURE_SSL_REDIRECT = False
SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

# -- files, language, time ---------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = ROOT / "static-built"
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_TZ = True
USE_I18N = True

# -- API ---------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "compliance.api.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["compliance.api.problems.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "compliance.api.paging.Cursor",
    "EXCEPTION_HANDLER": "compliance.api.problems.handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Personalize",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "ENUM_NAME_OVERRIDES": {
        "JurisdictionEnum": "compliance.models.Jurisdiction",
        "LawfulBasisEnum": "compliance.models.LawfulBasis",
        "IncidentKindEnum": "compliance.models.incident.Incident.Kind",
        "CertificateKindEnum": "compliance.models.safeguard.Certificate.Kind",
        "FigureKindEnum": "campaigns.models.FigureKind",
    },
}
APPEND_SLASH = True

# -- logs: events with ids, never a client's name, address or text --------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"event": {"()": "personalize.logs.EventFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A line for every sweep, every two seconds, would bury what matters.
    "loggers": {name: {"level": "WARNING"} for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat")},
}
