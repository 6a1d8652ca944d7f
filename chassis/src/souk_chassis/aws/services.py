"""The services of AWS that Souk speaks to: their hosts, and how each is asked. Their API references say the same."""

import msgspec


class AwsService(msgspec.Struct, frozen=True):
    """A service: the first part of its host, the name that requests are signed for, and, for the JSON protocols, the
    beginning of `X-Amz-Target` and their version; for the Query protocol, the version of the API."""

    host: str
    signed_as: str
    target: str = ""
    version: str = ""

    def url(self, region: str) -> str:
        """Its address in a region, without a slash at the end."""
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{self.host}.{region}.{domain}"


DYNAMODB = AwsService("dynamodb", "dynamodb", target="DynamoDB_20120810", version="1.0")
SQS = AwsService("sqs", "sqs", target="AmazonSQS", version="1.0")
SECRETS_MANAGER = AwsService("secretsmanager", "secretsmanager", target="secretsmanager", version="1.1")
SNS = AwsService("sns", "sns", version="2010-03-31")
LAMBDA = AwsService("lambda", "lambda")
SES = AwsService("email", "ses")
