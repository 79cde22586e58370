"""What goes wrong with S3, in words that say the way out.

Source: Amazon S3 API reference, "Error responses"; other servers use the same codes.
"""

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from slimwheel.errors import RemoteError

_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile in AWS_PROFILE, or run where "
    "a role is given; boto3 finds them."
)
_AGAIN = "Run it again: what has been published stays, and the rest follows."
_PERMISSIONS = (
    "The key may not do this: it needs s3:PutObject, s3:GetObject and s3:ListBucket "
    "(docs/publishing.md has the policy)."
)

# By error code: what is wrong, and the way out.
_BY_CODE = {
    "AccessDenied": ("access is denied", _PERMISSIONS),
    "AllAccessDisabled": ("access is denied", _PERMISSIONS),
    "BadDigest": ("what arrived is not what was sent", _AGAIN),
    "EntityTooLarge": ("the file is larger than one object may be", "S3 takes 5 GB at once."),
    "ExpiredToken": ("the credentials have expired", "Get new ones, and run it again."),
    "InvalidAccessKeyId": ("the access key is not known there", _CREDENTIALS),
    "InvalidBucketName": ("this cannot be the name of a bucket", "Check the bucket's name."),
    "InvalidToken": ("the session token is not valid", _CREDENTIALS),
    "NoSuchBucket": ("there is no such bucket", "Create it, or check its name and the endpoint."),
    "NotImplemented": (
        "the server does not know what publishing needs",
        "It has to honour conditional writes (If-Match, If-None-Match) and checksums.",
    ),
    "PermanentRedirect": ("the bucket is in another region", "Set AWS_REGION to the bucket's."),
    "AuthorizationHeaderMalformed": (
        "the bucket is in another region, or the server of another name",
        "Set AWS_REGION to the bucket's, and --endpoint-url for a server that is not Amazon's.",
    ),
    "QuotaExceeded": ("there is no space left", "Free space there, and run it again."),
    "InsufficientStorage": ("there is no space left", "Free space there, and run it again."),
    "RequestTimeTooSkewed": (
        "this machine's clock differs too much from the server's",
        "Set the clock (timedatectl set-ntp true), and run it again.",
    ),
    "SignatureDoesNotMatch": ("the secret key is wrong", _CREDENTIALS),
    "SlowDown": ("too many requests", _AGAIN),
}


def explained(error: Exception, where: str, key: str | None) -> RemoteError:
    """Return what an error of boto3's means.

    Args:
        where: the location.
        key: what it was about, None for all of it.
    """
    problem, hint = _explained(error)
    return RemoteError(problem, file=where, place=key, hint=hint)


def _explained(error: Exception) -> tuple[str, str | None]:
    if isinstance(error, ClientError):
        return _by_code(error)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return "there are no credentials", _CREDENTIALS
    if isinstance(
        error, boto.ProfileNotFound | boto.ConfigParseError | boto.CredentialRetrievalError
    ):
        return f"the credentials cannot be found: {_text(error)}", _CREDENTIALS
    if isinstance(error, boto.SSLError):
        return (
            f"the server's certificate is not trusted: {_text(error)}",
            "Check the endpoint, or name its authority's certificate in AWS_CA_BUNDLE.",
        )
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return f"the server cannot be reached: {_text(error)}", _AGAIN
    if isinstance(error, boto.NoRegionError):
        return "no region is set", "Set AWS_REGION to the bucket's."
    if isinstance(error, boto.ParamValidationError | boto.InvalidRegionError | ValueError):
        return _text(error), "Check the bucket's name, the region and the endpoint."
    return f"{type(error).__name__}: {_text(error)}", None


def _by_code(error: ClientError) -> tuple[str, str | None]:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    message = " ".join(str(error.response.get("Error", {}).get("Message", "") or error).split())
    if code in _BY_CODE:
        problem, hint = _BY_CODE[code]
        return f"{problem} ({code})", hint
    if isinstance(status, int) and status >= 500:
        return (
            f"the server failed ({code or status}): {message}",
            "See whether it has space left and is well, and run it again.",
        )
    return f"{message} ({code or status})", None


def _text(error: Exception) -> str:
    """An error's first sentence, on one line."""
    return " ".join(str(error).split()).rstrip(".")
