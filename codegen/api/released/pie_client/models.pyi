import pie_client._generated.models as _models
from pie_client._generated.models import *
from pie_client._generated.results import AlreadyAuthenticated, AuthenticationDisabled, AuthIdentifyResult, Challenge, OtherIdentification
__all__: list[str] = ['AlreadyAuthenticated', 'AuthIdentifyResult', 'AuthenticationDisabled', 'Challenge', 'OtherIdentification']
__all__ += _models.__all__
