"""What OHIF is told of the bridge: its `app-config.js`, written when it is asked for."""

from __future__ import annotations

import json
from typing import Any

SOURCE = "bridge"


def app_config(dicom_web: str, title: str) -> str:
    """The file as OHIF loads it; `dicom_web` is the address of the Studies Service.

    Nothing in it leads elsewhere: no update check, no upload, no worklist of other servers.
    """
    settings: dict[str, Any] = {
        "routerBasename": "/",
        "showStudyList": True,
        "extensions": [],
        "modes": [],
        "showLoadingIndicator": True,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "strictZSpacingForVolumeViewport": True,
        "maxNumberOfWebWorkers": 3,
        "investigationalUseDialog": {"option": "never"},
        "defaultDataSourceName": SOURCE,
        "dataSources": [_source(dicom_web, title)],
    }
    return f"window.config = {json.dumps(settings, ensure_ascii=False, indent=1)};\n"


def _source(dicom_web: str, title: str) -> dict[str, Any]:
    return {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": SOURCE,
        "configuration": {
            "friendlyName": title,
            "name": SOURCE,
            "qidoRoot": dicom_web,
            "wadoRoot": dicom_web,
            "wadoUriRoot": f"{dicom_web}/wado",
            "qidoSupportsIncludeField": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "supportsReject": False,
            "dicomUploadEnabled": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "singlepart": "bulkdata,video",
            "bulkDataURI": {"enabled": True},
            "omitQuotationForMultipartRequest": True,
        },
    }
